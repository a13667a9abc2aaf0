local ml = require "moonlane"

return ml.workflow { "small",
  settings = {
    token = { "secret", default = "abc" },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
