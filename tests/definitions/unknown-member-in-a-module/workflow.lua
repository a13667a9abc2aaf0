local ml = require "moonlane"

return ml.workflow { "small",
  phases = { { "one", require "activities.send" "x1" } },
}
