local ml = require "moonlane"

return ml.workflow { "small",
  lanes  = { desk = "Desk" },
  phases = {
    { "one",
      ml.task { "t", lane = "desk", outcomes = { "yes", { "yes", en = "Yes" } } },
      next = ml.finish },
  },
}
