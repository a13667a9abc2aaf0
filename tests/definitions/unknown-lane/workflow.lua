local ml = require "moonlane"

return ml.workflow { "small",
  lanes  = { construction = "Construction" },
  phases = {
    { "one", ml.task { "t", lane = "constructoin" } },
  },
}
