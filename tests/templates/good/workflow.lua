local ml = require "moonlane"

return ml.workflow { "small",
  settings = { ODD = { "text", default = "Subject: x\n\ny" }, word = { "string" } },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
