local ml = require "moonlane"

return ml.workflow { "small",
  fields = { { "f_a", "string" } },
  start  = {
    ml.form { "f_a" },
    ml.form { "f_a!" },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
