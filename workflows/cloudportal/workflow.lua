-- The workflows that CloudPortal is shipped with.  Names are data: one of them is
-- spelt so.  rules.lua says which transaction takes which.
local cpbm = require "moonlane.cpbm"

-- name, then its phases: { "name", { activity, ref }, ... }
local function workflow(name, ...)
  local buckets, phases = {}, {}
  for i, p in ipairs { ... } do
    local activities = {}
    for k = 2, #p do activities[k - 1] = { name = p[k][1], ref = p[k][2] } end
    buckets[i] = { order = i, name = p[1], activities = activities }
    phases[i] = { name = p[1], buckets = { i } }
  end
  return { name = name, buckets = buckets, phases = phases }
end

local email = { "email", "verifyMasterUserEmailActivity" }
local card = { "card", "collectCreditCardInfoActivity" }
local finance = { "finance", "financeInternalApprovalActivity" }
local accounts = { "accounts", "createOSSAccountActivity" }

return cpbm.workflows { { format = 1, workflows = {
  workflow("trial-account-activation",
    { "Identity verification", email },
    { "Accounts creation", accounts }),
  workflow("credit-card-account-activation",
    { "Identity verification", email },
    { "Billing verification and account creation", card, accounts }),
  workflow("manual-account-activation",
    { "Identity verification", email },
    { "Approval and account creation", finance, accounts }),
  workflow("account-conversion-to-manual-activation-type",
    { "Approval", finance }),
  workflow("account-conversion-to-credit-card-payment",
    { "Billing verification", { "card", "verifyCreditCardInfoActivity" } }),
  workflow("pre-auth-required-subscription-activation",
    { "Pre-authorization", { "subscription.preAuthActivity", "subscriptionPreAuthActivity" } }),
  workflow("manual-activiation-type-payment-info-change",
    { "Approval", finance }),
  workflow("default-account-activation",
    { "Identity verification", email },
    { "Accounts creation", accounts }),
  -- Shipped, but no rule leads to it: enabling a service completes at once.
  workflow("cloud-service-activation-approval",
    { "Approval", { "service", "serviceActivationApprovalActivity" } }),
} } }
