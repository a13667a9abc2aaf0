local ml = require "moonlane"

return ml.workflow { "small",
  settings = { poll_every = { "integer" } },
  start    = {
    { kind = "poll", name = "changed", every = ml.setting "poll_every",
      run = function() end },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
