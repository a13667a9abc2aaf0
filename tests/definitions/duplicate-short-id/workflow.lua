local ml = require "moonlane"

return ml.workflow { "small",
  fields = {
    { "f_a", "string", short = "x" },
    { "f_b", "string", short = "x" }, -- here
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
