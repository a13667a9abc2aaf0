-- moonlane.cpbm_activities: CloudPortal's activities by ref, each a
-- function(name, settings) -> what ml.activity made, { fields, settings, lanes }.
--
-- `settings` are the values of the beans (noOfRetries, timeBetweenRetriesInHours,
-- failureThresholdInHours); they and the shipped ones become defaults of settings
-- of the workflow, named REF.noOfRetries and so on, so that an installation may
-- change them without touching a script.
--
-- They speak to an account service over HTTP (contrib/account-sim is one):
--   GET  /tenants/ID                              the tenant, its facts
--   POST /tenants/ID/oss-accounts                 make them
--   POST /subscriptions/ID/pre-authorization      reserve the funds
-- 503, 429 or no answer is "not yet"; 500 or any refusal is an Error.
--
-- The transaction (field `transaction`) is what the portal sent: tenant { id,
-- name, masterUser { email, active, emailVerified } }, subscription { id }, user.
local ml = require "moonlane"

local acts = {}

-- ---- what they share ----

-- Lanes are roles, filled in with people outside.
local lanes = {
  system = { en = "The portal" },
  ROLE_FINANCE_CRUD = { en = "Finance administrators" },
  ROLE_ACCOUNT_MGMT = { en = "Account managers of the provider" },
  ROLE_ACCOUNT_ADMIN = { en = "Administrators of the account" },
  ROLE_ACCOUNT_BILLING_ADMIN = { en = "Billing administrators of the account" },
}

local service = {
  account_url = { "url", required = true },
  account_token = { "secret", required = true },
}

local memo = { "memo", "text", chars = 255, label = { en = "Memo" } }

-- Settings of one ref, beside those of the service.
local function extra(own, role)
  local all = {}
  for id, s in pairs(service) do all[id] = s end
  for id, s in pairs(own) do all[id] = s end
  local used = { system = lanes.system }
  if role then used[role] = lanes[role] end
  return { settings = all, lanes = used, fields = { memo } }
end

local function hours(n, shipped)
  return math.type(n) == "integer" and n > 0 and ("%dh"):format(n) or shipped
end

local function threshold(ref, given)
  return { [ref .. ".failureThreshold"] =
             { "duration", default = hours(given.failureThresholdInHours, "72h") } }
end

local function retries(ref, given)
  return { [ref .. ".noOfRetries"] = { "integer", default = given.noOfRetries or 3 },
           [ref .. ".timeBetweenRetries"] =
             { "duration", default = hours(given.timeBetweenRetriesInHours, "24h") } }
end

local function put_all(to, from)
  for id, s in pairs(from) do to[id] = s end
  return to
end

-- ---- the account service ----

local function at(ctx, path)
  return ctx.settings.account_url:gsub("/+$", "") .. path
end

local function opts(ctx, more)
  local o = { headers = { Authorization = "Bearer " .. ctx.settings.account_token } }
  for k, v in pairs(more or {}) do o[k] = v end
  return o
end

local function tenant_path(ctx)
  local tenant = ctx.data.tenant or ctx.data.transaction.tenant.id
  if not tostring(tenant):find "^[%w._-]+$" then
    error("the transaction names no tenant that could be asked about", 0)
  end
  return "/tenants/" .. tenant
end

-- The tenant as the service has it now; nil while it does not answer.
local function tenant_of(ctx)
  local a = ctx.http.get(at(ctx, tenant_path(ctx)), opts(ctx, { raw = true }))
  if a.status == nil or a.status == 0 or a.status == 429 or a.status >= 500 then
    return nil
  end
  if a.status ~= 200 then
    error(("the account service answered %d: %s"):format(a.status, a.body or ""), 0)
  end
  return a.json
end

-- Do it there, once: "not yet" is the engine's to repeat, with the same key.
local function do_there(ctx, path, body)
  local a = ctx.http.post(at(ctx, path), opts(ctx, { json = body, accept = { 500 } }))
  if a.status >= 300 then
    error(("the account service answered %d: %s"):format(a.status, a.body or ""), 0)
  end
  return a.json
end

-- ---- facts that are waited for ----

local function present(v) return v ~= nil and v ~= ml.null end

local facts = {
  verifyMasterUserEmailActivity = function(t) return t.masterUser.emailVerified == true end,
  verifyCreditCardInfoActivity = function(t)
    return present(t.creditCard) and t.creditCard.verified == true
  end,
  verifyDepositActivity = function(t)
    return present(t.deposit) and t.deposit.verified == true
  end,
  collectCreditCardInfoActivity = function(t) return present(t.creditCard) end,
  collectPaymentInfoActivity = function(t) return present(t.paymentInfo) end,
}

local function holds(ref, ctx)
  local tenant = tenant_of(ctx)
  return tenant ~= nil and facts[ref](tenant)
end

for _, ref in ipairs { "verifyMasterUserEmailActivity", "verifyCreditCardInfoActivity",
                       "verifyDepositActivity" } do
  acts[ref] = function(name, given)
    return ml.activity { name, lane = "system",
      give_up = ml.setting(ref .. ".failureThreshold"),
      run = function() end,
      is_complete = function(ctx) return holds(ref, ctx) end,
    }, extra(threshold(ref, given))
  end
end

-- ---- tasks ----

-- A task's link for the portal: positional arguments as in a format, tenant and
-- task; the task's id is put in where the link is shown.
local function link(ctx, type_)
  local values = { tostring(ctx.data.tenant or ""), "{task}" }
  return (ctx.settings["link." .. type_]:gsub("%%(%d)%$s", function(n)
    return values[tonumber(n)] or ""
  end))
end

local function link_setting(type_)
  return { ["link." .. type_] = { "string", default = "%1$s/action/%2$s" } }
end

local function collect(ref, type_, role)
  acts[ref] = function(name, given)
    return ml.activity { name, lane = "system", type = type_,
      give_up = ml.setting(ref .. ".failureThreshold"),
      run = function(ctx)
        if holds(ref, ctx) then return end
        ctx:ask { type_, lane = role, link = link(ctx, type_), outcomes = { "done" },
                  anew = true }
      end,
      is_complete = function(ctx) return holds(ref, ctx) end,
    }, extra(put_all(threshold(ref, given), link_setting(type_)), role)
  end
end

collect("collectCreditCardInfoActivity", "CC_INFO", "ROLE_ACCOUNT_ADMIN")
collect("collectPaymentInfoActivity", "PAYMENT_INFO", "ROLE_ACCOUNT_BILLING_ADMIN")

-- ---- done by the service, perhaps not yet ----

local function retriable(ref, run)
  acts[ref] = function(name, given)
    return ml.activity { name, lane = "system",
      retry = { ml.setting(ref .. ".noOfRetries"), ml.setting(ref .. ".timeBetweenRetries") },
      run = run,
    }, extra(retries(ref, given))
  end
end

retriable("createOSSAccountActivity", function(ctx)
  do_there(ctx, tenant_path(ctx) .. "/oss-accounts", {})
end)

retriable("subscriptionPreAuthActivity", function(ctx)
  local id = tostring(ctx.data.transaction.subscription.id)
  if not id:find "^[%w._-]+$" then error("the subscription has no usable id", 0) end
  do_there(ctx, "/subscriptions/" .. id .. "/pre-authorization", {})
end)

-- ---- approvals ----

local request = [[
Subject: {{type}}: {{transaction.type.name}} of tenant {{tenant}}

Please decide on it: {{link}}
{{reminder}}
]]

local function split(list)
  local out = {}
  for address in (list or ""):gmatch "[^,%s]+" do out[#out + 1] = address end
  return out
end

local function owner(ctx)
  local user = ctx.data.transaction.tenant.masterUser
  return present(user) and present(user.email) and { user.email } or {}
end

-- to: the setting with the addresses, or a function that gives them.
local function approval(ref, type_, role, to)
  local function addresses(ctx)
    if type(to) == "function" then return to(ctx) end
    return split(ctx.settings["toEmails." .. to])
  end

  local function ask_for(ctx, again)
    local receivers = addresses(ctx)
    if #receivers == 0 then return end
    ctx:mail { to = receivers, template = "APPROVAL_REQUESTED", data = {
      type = type_, transaction = ctx.data.transaction, tenant = ctx.data.tenant,
      link = link(ctx, type_):gsub("{task}", ctx.key),
      reminder = again > 0 and ("This is reminder %d."):format(again) or "" } }
  end

  acts[ref] = function(name, given)
    local own = put_all(retries(ref, given), link_setting(type_))
    own.APPROVAL_REQUESTED = { "text", default = request }
    if type(to) == "string" then own["toEmails." .. to] = { "string" } end
    return ml.activity { name, lane = "system", type = type_,
      run = function(ctx)
        local times = ctx.settings[ref .. ".noOfRetries"]
        local task = { type_, lane = role, edit = { "memo" }, anew = true,
                       link = link(ctx, type_),
                       outcomes = { "approve", { "reject", need = { "memo" }, fails = "memo" } } }
        for again = 0, times do
          ask_for(ctx, again)
          local answer = ctx:ask(task, { within = ctx.settings[ref .. ".timeBetweenRetries"] })
          if answer then return end
        end
        ctx:fail(("nobody decided, after %d reminders"):format(times))
      end,
    }, extra(own, role)
  end
end

approval("financeInternalApprovalActivity", "FINANCE_APPROVAL", "ROLE_FINANCE_CRUD", "FINANCE")
approval("serviceActivationApprovalActivity", "CLOUD_SERVICE_APPROVAL", "ROLE_ACCOUNT_MGMT",
         "APPROVAL_REQUEST")
approval("tenantOwnerApprovalActivity", "TENANT_ADMIN_APPROVAL", "ROLE_ACCOUNT_ADMIN", owner)

-- ---- the sample ----

-- In progress first, then complete.
acts.dummyActivity = function(name)
  return ml.activity { name, lane = "system",
    run = function(ctx) ctx:sleep "5s" end }, { lanes = { system = lanes.system } }
end

return acts
