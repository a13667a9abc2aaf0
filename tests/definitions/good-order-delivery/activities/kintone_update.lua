local ml      = require "moonlane"
local kintone = require "moonlane.kintone"

-- x3, x5: reflect the process id and its status in the kintone record
return function(label)
  return ml.activity { label, lane = "system", retry = { 8, "5s..10m" }, timeout = "30s",
    run = function(ctx)
      kintone.app(ctx):update(ctx.data.q_kintoneId, { k_Qid = ctx.process.id, k_status = ctx.data.q_status })
    end }
end
