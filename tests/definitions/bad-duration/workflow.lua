local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "a", timeout = "30 sek", run = function() end } },
  },
}
