local ml = require "moonlane"

return ml.workflow { "small",
  settings = { key = "secret" },
  start  = { ml.webhook { "paid", receive = function() end,
    verify = ml.signature { header = "X-Sign", timestamp = "X-Time", secret = ml.setting "key" } } },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
