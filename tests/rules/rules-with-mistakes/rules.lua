local ml = require "moonlane"

return ml.rules {
  { "tenantStateChange", to = "small", rule = "{#transaction.getX() == 1}" },
  { "tenantStateChange", to = "small", when = "always" },
  { "tenantStateChange", when = function() return true end },
  { to = "small" },
  { "tenantStateChange", to = "small", were = 1 },
  { "tenantStateChange", to = "small", rule = "{true}", when = function() return true end },
}
