local ml = require "moonlane"

return ml.workflow { "small",
  start  = { ml.webhook { "paid", receive = function() end, rate = "60 per minute" } },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
