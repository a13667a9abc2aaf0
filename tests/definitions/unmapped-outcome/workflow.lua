local ml = require "moonlane"

return ml.workflow { "small",
  lanes  = { desk = "Desk" },
  phases = {
    { "one", ml.task { "t", lane = "desk", outcomes = { "ok", "wrong" } },
      next = { ok = ml.finish } },
  },
}
