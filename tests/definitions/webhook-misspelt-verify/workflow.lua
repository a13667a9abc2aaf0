local ml = require "moonlane"

return ml.workflow { "small",
  settings = { key = "secret" },
  start  = { ml.webhook { "paid", receive = function() end,
    verfiy = ml.signature { "standard", secret = ml.setting "key" } } },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
