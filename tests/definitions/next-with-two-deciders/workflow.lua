local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one",
      ml.activity { "a", outcomes = { "x" }, run = function() end },
      ml.activity { "b", outcomes = { "x" }, run = function() end },
      next = { x = "two" } },
    { "two", ml.activity { "c", run = function() end } },
  },
}
