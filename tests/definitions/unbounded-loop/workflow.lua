local ml = require "moonlane"

return ml.workflow { "small",
  lanes  = { desk = "Desk" },
  phases = {
    { "start", ml.activity { "a", run = function() end } },
    { "build", ml.task { "t", lane = "desk", outcomes = { "built", "wrong" } },
      next = { built = ml.finish, wrong = "fix" } },
    { "fix", ml.activity { "b", run = function() end }, next = "build" },
  },
}
