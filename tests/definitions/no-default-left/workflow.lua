local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "a", run = function() end } },
    { "two", ml.activity { "b", run = function() end },
      when = function() return false end },
  },
}
