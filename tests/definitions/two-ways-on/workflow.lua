local ml = require "moonlane"

return ml.workflow { "small",
  lanes = { boss = "Who decides" },
  fields = { { "memo", "text" } },
  phases = {
    { "one", ml.task { "decide", lane = "boss", edit = { "memo" },
                       outcomes = { "yes", "maybe", { "no", fails = "memo" } } } },
    { "two", ml.activity { "a", run = function() end } },
  },
}
