local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "a", retires = { 3, "5s" },
        run = function() end } },
  },
}
