local ml = require "moonlane"

return ml.workflow { "small",
  lane = { desk = "Desk" },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
