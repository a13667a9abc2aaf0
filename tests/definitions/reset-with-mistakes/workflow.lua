local ml = require "moonlane"

return ml.workflow { "small",
  lanes = { chiefs = "Chiefs" },
  reset = { "chief", 7 },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
