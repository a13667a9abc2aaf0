local ml = require "moonlane"

return ml.workflow { "small",
  settings = {
    url   = { "url", required = true },
    token = { "password" },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
