local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "x1", run = function() end } },
    { "two", ml.activity { "x1", run = function() end } },
  },
}
