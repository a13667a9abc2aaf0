local ml = require "moonlane"

return ml.rules {
  { "orderPlaced", to = "small", when = function(tx) return tx.total > 100 end, data = function(tx) return {} end },
  { "tenantStateChange Transaction", to = "small", rule = "{#transaction.tenant.id == 't'}" },
}
