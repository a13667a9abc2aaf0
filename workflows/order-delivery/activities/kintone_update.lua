-- x3, x5: reflect the process id and its status in the kintone record.  x3 takes
-- the record: one that another process has taken meanwhile is left to it.
local ml      = require "moonlane"
local kintone = require "moonlane.kintone"
local ledger  = require "ledger"

local steps = {
  x3 = { node = 20, title = { en = "kintone update (pid, status)",
                              ja = "kintone更新(pid、ステータス)" } },
  x5 = { node = 22, title = { en = "kintone update (status)",
                              ja = "kintone更新(ステータス)" } },
}

return function(label)
  local step = steps[label]
  return ml.activity { label, node = step.node, title = step.title, lane = "system",
    retry = { 8, "5s..10m" }, timeout = "2m",
    run = function(ctx)
      local set = ledger.of(ctx.settings)
      local codes = set.codes
      local fields = { [codes.status] = ledger.out(set, ctx.data.q_status) }
      if label == "x3" then fields[codes.qid] = ctx.process.id end
      kintone.app(ctx):update(ctx.data.q_kintoneId, fields, { check = function(record)
        local owner = kintone.value(record, codes.qid)
        local status = ledger.back(set, kintone.value(record, codes.status))
        if owner ~= nil and owner ~= ctx.process.id and
           (label == "x5" or status ~= "2_対応要") then
          return "another process owns this record: " .. owner
        end
      end })
    end }
end
