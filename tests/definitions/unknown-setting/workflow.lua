local ml = require "moonlane"

return ml.workflow { "small",
  settings = { poll_every = { "duration", default = "15m" } },
  start    = {
    { kind = "poll", name = "changed", every = ml.setting "pol_every",
      run = function() end },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
