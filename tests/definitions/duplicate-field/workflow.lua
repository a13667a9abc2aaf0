local ml = require "moonlane"

return ml.workflow { "small",
  fields = {
    { "f_a", "string" },
    { "f_b", "string" },
    --[[ { "f_a", "text" }, ]]
    { "f_a", "integer" },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
