local ml = require "moonlane"

return ml.workflow { "small",
  fields = {
    { "f_s", "select", of = { "a", "b" }, initial = "c" },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
