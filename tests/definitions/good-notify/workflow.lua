local ml = require "moonlane"

return ml.workflow { "small",
  fields = { { "order", "json" } },
  settings = { CHANGED = { "text", default = "Subject: {{event}}\n\n{{ data.order.no }} {{{{x}} {{activities}}\n" } },
  notify = { template = "CHANGED", to = { "order.user", "order" } },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
