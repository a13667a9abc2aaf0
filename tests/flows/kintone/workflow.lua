-- Every call of moonlane.kintone, one a process: `ask` names the case.
local ml    = require "moonlane"
local cases = require "cases"

return ml.workflow { "kintone-calls",
  lanes    = { system = "System" },
  settings = { kintone_url = { "url", required = true }, kintone_app = { "integer", required = true },
               kintone_token = { "secret" }, kintone_guest = { "integer" }, login = { "secret" } },
  fields   = { { "ask", "string" }, { "got", "json" } },
  start    = { ml.form { "ask!" } },
  phases   = {
    { "call", ml.activity { "call", lane = "system", retry = { 2, "1m" },
      run = function(ctx) ctx.data.got = cases[ctx.data.ask](ctx) end }, next = ml.finish },
  },
}
