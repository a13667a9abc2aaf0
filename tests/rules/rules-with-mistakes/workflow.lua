local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "a", run = function() end } },
  },
}
