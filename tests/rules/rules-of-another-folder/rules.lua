local ml = require "moonlane"

return ml.rules {
  { "tenantStateChange", to = "large" },
  { "orderPlaced", to = "small" },
}
