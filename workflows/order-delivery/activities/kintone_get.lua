-- x1: read the record.  Only its id is known before; a status other than
-- "requires support" ends the process without touching anything.
local ml      = require "moonlane"
local kintone = require "moonlane.kintone"
local time    = require "moonlane.time"
local ledger  = require "ledger"

return ml.activity { "x1", node = 17, lane = "system", retry = { 8, "5s..10m" }, timeout = "2m",
  title = { en = "kintone acquisition", ja = "kintone取得" },
  outcomes = { "skip" },
  run = function(ctx)
    local set = ledger.of(ctx.settings)
    local codes = set.codes
    local got, record = kintone.app(ctx):read(ctx.data.q_kintoneId, {
      { codes.id, "q_id" }, { codes.name, "q_customerName" }, { codes.email, "q_customerEmail" },
      { codes.plan, "q_plan" }, { codes.wish, "q_maintenanceDatetime" },
      { codes.manual, "q_optionSend" }, { codes.status, "q_status" },
    })
    for _, item in ipairs { "q_id", "q_customerName", "q_customerEmail", "q_plan",
                            "q_maintenanceDatetime", "q_optionSend", "q_status" } do
      local v = got[item]
      if v ~= nil then v = ledger.back(set, v) end
      if v ~= nil and item == "q_maintenanceDatetime" then v = time.parse(v) end
      if v ~= nil then
        ctx.data[item] = v
      elseif ctx.data[item] ~= nil then
        ctx.data:clear(item)
      end
    end
    ctx:log(("record %s, revision %s"):format(ctx.data.q_kintoneId, record["$revision"].value))
    if ctx.data.q_status ~= "2_対応要" then return "skip" end
  end }
