local ml = require "moonlane"

return ml.workflow { "small",
  title = "Empty",
}
