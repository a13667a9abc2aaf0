local ml = require "moonlane"

return ml.workflow { "small",
  fields = {
    { "f_s", "strng" },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
