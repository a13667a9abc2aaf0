local ml = require "moonlane"

return ml.workflow { "small",
  lanes  = { desk = "Desk" },
  fields = { { "f_name", "string" } },
  phases = { { "one",
    ml.task { "t", lane = "desk", due = "f_name" } } },
}
