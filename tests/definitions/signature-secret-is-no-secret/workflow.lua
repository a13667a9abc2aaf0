local ml = require "moonlane"

return ml.workflow { "small",
  settings = { key = "text" },
  start  = { ml.webhook { "paid", receive = function() end,
    verify = ml.signature { "standard", secret = ml.setting "key" } } },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
