local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "a", outcomes = { "x" }, run = function() end },
      next = { x = "two", "two", "three" } },
    { "two", ml.activity { "b", run = function() end } },
    { "three", ml.activity { "c", run = function() end } },
  },
}
