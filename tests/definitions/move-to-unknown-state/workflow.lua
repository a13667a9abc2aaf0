local ml = require "moonlane"

return ml.workflow { "small",
  states = { "new", "won", start = "new", moves = { new = { "won", "lost" } } },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
