local ml = require "moonlane"

return ml.workflow { "small",
  lanes = { boss = "Who decides" },
  fields = { { "memo", "text", chars = 255 } },
  settings = { noOfRetries = { "integer", default = 3 }, hours = { "integer", default = 24 }, long = { "duration", default = "3d" } },
  phases = {
    { "one", ml.task { "decide", lane = "boss", type = "FINANCE_APPROVAL", edit = { "memo" },
                       outcomes = { "approve", { "reject", need = { "memo" }, fails = "memo" } } } },
    { "two", ml.activity { "a", retry = { ml.setting "noOfRetries", ml.setting("hours", "1h") },
                           give_up = ml.setting "long", run = function() end },
             ml.activity { "b", retry = { 2, ml.setting "long" }, run = function() end } },
  },
}
