local ml = require "moonlane"

return ml.workflow { "small",
  lanes = { boss = "Who decides" },
  fields = { { "n", "integer" } },
  phases = {
    { "one", ml.task { "decide", lane = "boss", edit = { "n" }, outcomes = { "yes", { "no", fails = "n" } } } },
    { "two", ml.task { "again", lane = "boss", edit = { "n" }, outcomes = { "yes", { "no", fails = "why" } } } },
  },
}
