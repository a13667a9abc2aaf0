local ml = require "moonlane"

return ml.workflow { "small",
  fields = { { "order", "json" } },
  settings = { CHANGED = { "text", default = "Subject: x\n\nDear {{user.name()}}" },
               other = { "string" } },
  notify = { template = "CHANGED", to = { "ordre.user", 7 }, too = "much" },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
