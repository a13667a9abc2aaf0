local ml = require "moonlane"

ml.transaction "orderPlaced"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "a", run = function() end } },
  },
}
