local ml      = require "moonlane"
local kintone = require "moonlane.kintone"

return ml.activity { "x1", node = 17, title = { en = "kintone acquisition", ja = "kintone取得" },
  lane = "system", retry = { 8, "5s..10m" }, timeout = "30s", outcomes = { "skip" },
  run = function(ctx)
    local record = kintone.app(ctx):get(ctx.data.q_kintoneId)
    if kintone.value(record, "k_ステータス") ~= "2_対応要" then return "skip" end
  end }
