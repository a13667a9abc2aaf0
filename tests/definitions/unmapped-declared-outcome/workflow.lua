local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "a", outcomes = { "skip" }, run = function() end } },
    { "two", ml.activity { "b", run = function() end } },
  },
}
