local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "a", run = function() end }, next = "no-action" },
    { "no action", ml.activity { "b", run = function() end } },
  },
}
