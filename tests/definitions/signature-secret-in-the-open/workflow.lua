local ml = require "moonlane"

return ml.workflow { "small",
  settings = { key = "secret" },
  start  = { ml.webhook { "paid", receive = function() end,
    verify = ml.signature { "github", secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" } } },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
