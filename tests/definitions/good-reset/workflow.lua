local ml = require "moonlane"

return ml.workflow { "small",
  lanes = { chiefs = "Chiefs" },
  reset = { "chiefs" },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
