local ml = require "moonlane"

return ml.workflow { "small",
  fields = {
    { "a", "string" },
    { "b", "string", required = "yes" },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
