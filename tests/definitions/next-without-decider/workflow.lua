local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one",
      ml.activity { "a", run = function() end },
      ml.activity { "b", run = function() end },
      next = { done = "two" } },
    { "two", ml.activity { "c", run = function() end } },
  },
}
