-- W5: sleep until a moment, and say how late it was to wake.
local ml = require "moonlane"

return ml.workflow { "nap",
  fields = { { "at", "integer" }, { "late", "integer" } },
  phases = {
    { "sleep", ml.activity { "nap", run = function(ctx)
        local ms = ctx.data.at - ctx:now()
        if ms > 0 then ctx:sleep(ms) end
        ctx.data.late = ctx:now() - ctx.data.at
      end } },
  },
}
