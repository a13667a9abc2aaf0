-- Which transaction takes which workflow: of the rules of its type the first that
-- is true.  Reading what a transaction lacks is an error, never "no".
local ml = require "moonlane"

local function activated(tx)
  return tx.tenantInitialState.name == "NEW" and tx.tenantTargetState.name == "ACTIVE"
end

return ml.rules {
  { "tenantStateChange", to = "credit-card-account-activation",
    when = function(tx) return activated(tx) and tx.tenant.accountType.paymentModes == 2 end },
  { "tenantStateChange", to = "trial-account-activation",
    when = function(tx) return activated(tx) and tx.tenant.accountType.trial == true end },
  { "tenantStateChange", to = "manual-account-activation",
    when = function(tx)
      return activated(tx) and tx.tenant.accountType.manualActivation == true
    end },
  { "tenantStateChange", to = "default-account-activation", when = activated },

  { "tenantAccountTypeConversion", to = "account-conversion-to-manual-activation-type",
    when = function(tx) return tx.targetAccountType.manualActivation == true end },
  { "tenantAccountTypeConversion", to = "account-conversion-to-credit-card-payment",
    when = function(tx) return tx.targetAccountType.paymentModes == 2 end },

  { "subscriptionActivation", to = "pre-auth-required-subscription-activation",
    when = function(tx)
      return tx.subscriptionInitialState.name == "NEW"
             and tx.subscriptionTargetState.name == "ACTIVE"
             and tx.tenant.accountType.preAuthRequired == true
    end },

  { "paymentInfoChange", to = "manual-activiation-type-payment-info-change",
    when = function(tx) return tx.tenant.accountType.manualActivation == true end },
  -- cloudServiceActivation: no rule is live, as shipped.
}
