-- x2, x2′, x4: subject, status and the moment by which the tasks are due.
local ml   = require "moonlane"
local time = require "moonlane.time"

local function title(ctx)
  local d = ctx.data
  return ("#%06d %s / %s"):format(ctx.process.number, d.q_customerName or d.q_kintoneId or "?",
                                  d.q_plan or "-")
end

local subject = {}

subject.responding = ml.activity { "x2", node = 19, lane = "system",
  title = { en = "Subject, status, due date and time setting",
            ja = "件名、ステータス、期限日時設定" },
  run = function(ctx)
    local now = ctx:now()
    local limit = ctx.settings.task_limit
    local wish = ctx.data.q_maintenanceDatetime
    ctx:subject(title(ctx))
    ctx.data.q_status = "3_対応中"
    ctx.data.q_taskLimitDatetime = wish ~= nil and wish > now and wish or time.add(now, limit)
  end }

subject.no_action = ml.activity { "x2′", node = 24, lane = "system",
  title = { en = "Set Subject (no action)", ja = "件名設定(対応なし)" },
  run = function(ctx)
    ctx:subject(title(ctx) .. " (対応なし)")
  end }

subject.supported = ml.activity { "x4", node = 21, lane = "system",
  title = { en = "Status settings", ja = "ステータス設定" },
  run = function(ctx)
    ctx.data.q_status = "4_対応済"
  end }

return subject
