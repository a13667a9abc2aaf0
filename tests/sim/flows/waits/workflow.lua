-- A message that a step waits for, and one that may come too early.
local ml = require "moonlane"

return ml.workflow { "waits",
  fields = { { "tag", "string" }, { "sum", "integer" }, { "note", "string" } },
  phases = {
    { "paid", ml.receive { "paid", edit = { "sum" } } },
    { "note", ml.activity { "read", run = function(ctx)
        local v = ctx:await("note")
        ctx.data.note = v.text
      end } },
  },
}
