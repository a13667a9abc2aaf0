local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one",
      ml.branch { "x", phases = {
        { "inner", ml.activity { "a", run = function() end }, next = "two" },
      } } },
    { "two", ml.activity { "b", run = function() end } },
  },
}
