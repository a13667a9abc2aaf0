local ml = require "moonlane"

return ml.workflow { "small",
  settings = { key = "secret" },
  start  = { ml.webhook { "paid", receive = function() end, verify = "standard" } },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
