local ml = require "moonlane"

return ml.workflow { "small",
  fields = {
    { "f_s", "select", of = { "a", { "b", en = "B" }, "a" } },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
