-- W4: four steps, each with one call to a peer.
local ml = require "moonlane"

local function step(n)
  return ml.activity { "call " .. n, run = function(ctx)
    local a = ctx.http.post(ctx.settings.peer .. "/" .. n, { json = { word = ctx.data.word, n = n } })
    ctx.data["r" .. n] = a.json.text
  end }
end

return ml.workflow { "call",
  settings = { peer = { "url", required = true } },
  fields = {
    { "word", "string" }, { "text", "string" }, { "count", "integer" },
    { "r1", "string" }, { "r2", "string" }, { "r3", "string" }, { "r4", "string" },
  },
  phases = {
    { "one", step(1) }, { "two", step(2) }, { "three", step(3) }, { "four", step(4) },
  },
}
