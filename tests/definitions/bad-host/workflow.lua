local ml = require "moonlane"

return ml.workflow { "small",
  hosts  = { "https://api.example.com/v1" },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
