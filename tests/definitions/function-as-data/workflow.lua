local ml = require "moonlane"

return ml.workflow { "small",
  fields = {
    { "f_a", "string", label = function() return "A" end },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
