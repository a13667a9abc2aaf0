local ml = require "moonlane"

return ml.workflow { "small",
  states = { "new", "won", start = "nwe" },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
