local ml = require "moonlane"

return ml.workflow { "small",
  lanes  = { desk = "Desk" },
  fields = { { "f_due", "datetime" } },
  phases = { { "one",
    ml.task { "t", lane = "desk", due = "f_duee" } } },
}
