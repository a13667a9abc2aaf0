local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "a", run = function() end } },
    { "two", ml.activity { "b", run = function() end } },
    { "one", ml.activity { "c", run = function() end } },
  },
}
