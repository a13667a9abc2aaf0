local ml = require "moonlane"

local function set(label, node, title, status)
  return ml.activity { label, node = node, title = title, lane = "system",
    writes = { "q_status" },
    run = function(ctx)
      ctx:subject(ctx.data.q_customerName)
      if status then ctx.data.q_status = status end
    end }
end

return {
  responding = set("x2", 19, { en = "Subject, status, due date and time setting",
                               ja = "件名、ステータス、期限日時設定" }, "3_対応中"),
  no_action = set("x2′", 24, { en = "Set subject (no action)", ja = "件名設定(対応なし)" }),
  supported = set("x4", 21, { en = "Status settings", ja = "ステータス設定" }, "4_対応済"),
}
