local ml = require "moonlane"

return ml.workflow { "small",
  fields = {
    { "f_n", "integer", sealed = true },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
