local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "a", run = function() end }, next = "three" },
    { "two", ml.activity { "b", run = function() end } },
    { "three", ml.activity { "c", run = function() end } },
  },
}
