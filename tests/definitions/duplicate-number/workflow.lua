local ml = require "moonlane"

return ml.workflow { "small",
  fields = {
    { "f_a", "string", no = 1 },
    { "f_b", "string",
      no = 1 },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
