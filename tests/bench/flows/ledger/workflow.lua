-- W8: read a record of a kintone app and write one field of it.
local ml = require "moonlane"
local kintone = require "moonlane.kintone"

return ml.workflow { "ledger",
  settings = {
    kintone_url   = { "url", required = true },
    kintone_app   = { "integer", required = true },
    kintone_token = { "secret", required = true },
  },
  fields = { { "record", "string" }, { "memo", "string" }, { "revision", "string" } },
  phases = {
    { "update", ml.activity { "update", run = function(ctx)
        -- a GET, then a PUT with the revision that it brought
        ctx.data.revision = kintone.app(ctx):update(ctx.data.record, { k_Qid = ctx.data.memo })
      end } },
  },
}
