local ml = require "moonlane"

return ml.workflow { "small",
  fields = {
    { "f_a", "strng" },
    { "f_b", "select" },
  },
  phases = {
    { "one", ml.activity { "a", lane = "desk", run = function() end } },
    { "two", ml.task { "t", lane = "desk" }, next = "three" },
  },
}
