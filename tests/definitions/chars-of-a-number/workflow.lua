local ml = require "moonlane"

return ml.workflow { "small",
  fields = { { "n", "integer", chars = 3 }, { "t", "text", chars = 0 } },
  phases = {
    { "one", ml.activity { "a", run = function() end } },
  },
}
