local ml = require "moonlane"

return ml.workflow { "small",
  settings = { every = { "duration", default = "15 parsecs" } },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
