-- The shipped workflows, from the transaction that starts them to its end: C
-- numbers are those of their description.  Time is the test's own.
local t  = require "moonlane.test"
local ml = require "moonlane"

local URL <const> = "https://accounts.example"
local TENANT <const> = "/tenants/T-1"
local ACCOUNTS <const> = "/tenants/T-1/oss-accounts"

-- ---- helpers ----

local function set_up(w, more)
  local all = { account_url = URL, account_token = "tok-71",
                ["toEmails.FINANCE"] = "fin@portal.example" }
  for k, v in pairs(more or {}) do all[k] = v end
  w:settings(all)
  w:people { ROLE_FINANCE_CRUD = { "fay", "finn" }, ROLE_ACCOUNT_ADMIN = { "ann" },
             ROLE_ACCOUNT_MGMT = { "mia" } }
end

local function account(kind)
  local a = { name = kind, paymentModes = 1, trial = false, manualActivation = false,
              preAuthRequired = false }
  if kind == "card" then a.paymentModes = 2 end
  if kind == "trial" then a.trial = true end
  if kind == "manual" then a.manualActivation = true end
  if kind == "preauth" then a.preAuthRequired = true end
  return a
end

local function tenant(kind)
  return { id = "T-1", name = "Tenant one", accountType = account(kind),
           masterUser = { email = "master@t1.example", active = true, emailVerified = true } }
end

local USER <const> = { email = "user@t1.example", active = true, emailVerified = true }

local function activation(kind, more)
  local tx = { tenant = tenant(kind), user = USER,
               tenantInitialState = { name = "NEW" }, tenantTargetState = { name = "ACTIVE" } }
  for k, v in pairs(more or {}) do tx[k] = v end
  return tx
end

-- The tenant as the account service has it, from now on or `times` often.
local function knows(w, facts, times)
  local v = { masterUser = { emailVerified = false }, creditCard = ml.null, deposit = ml.null }
  for k, x in pairs(facts or {}) do v[k] = x end
  w:http("GET", TENANT, { json = v, times = times, optional = true })
end

local VERIFIED <const> = { masterUser = { emailVerified = true } }
local CARD <const> = { masterUser = { emailVerified = true }, creditCard = { verified = true } }

local function makes_accounts(w, more)
  local o = { json = { accounts = { "A-1" } }, status = 201 }
  for k, v in pairs(more or {}) do o[k] = v end
  w:http("POST", ACCOUNTS, o)
end

local function post(w, type_, data)
  local tx = w:emit(type_, data)
  return tx.matched and tx.process or nil, function() return w:transaction(tx.id).state end
end

local function statuses(p)
  local out = {}
  for _, a in ipairs(p:activities()) do out[a.label] = a.status end
  return out
end

local function subjects(w)
  local out = {}
  for i, m in ipairs(w:mails()) do out[i] = m.subject end
  return out
end

-- ---- C5: each from its start to its end ----

t.it("C5.1 trial: email, then OSS accounts", function(w)
  set_up(w)
  knows(w, VERIFIED)
  makes_accounts(w)
  local p, state = post(w, "tenantStateChange", activation "trial")
  t.eq(p.workflow, "trial-account-activation")
  t.eq({ p.run, p.status, state() }, { "Completed", "COMPLETED", "Completed" })
  t.eq(w:calls("POST")[1].headers["idempotency-key"] ~= nil, true)
end)

t.it("C5.1, C6.2 credit card: verified already, one pass ends with the card's task", function(w)
  set_up(w)
  knows(w, VERIFIED, 2)          -- asked for the email, and before the task
  makes_accounts(w)
  knows(w, CARD)
  local p, state = post(w, "tenantStateChange", activation "card")
  t.eq(p.workflow, "credit-card-account-activation")
  t.eq(statuses(p).card, "Waiting")
  t.eq({ p.run, state() }, { "Running", "Running" })
  local task = p:tasks()[1]
  t.eq(task.label, "card")
  w:as("ann"):complete("card", "done")
  t.eq({ p.run, state() }, { "Completed", "Completed" })
end)

t.it("C5.1, C6.7 manual: the finance administrator approves, the memo is optional", function(w)
  set_up(w)
  knows(w, VERIFIED)
  makes_accounts(w)
  local p, state = post(w, "tenantStateChange", activation "manual")
  t.eq(p.workflow, "manual-account-activation")
  t.eq(statuses(p).accounts, "Success")      -- side by side with the approval
  t.eq(state(), "Running")
  w:as("fay"):complete("finance", "approve")
  t.eq({ p.run, state() }, { "Completed", "Completed" })
end)

t.it("C5.1 default: what no other rule takes", function(w)
  set_up(w)
  knows(w, VERIFIED)
  makes_accounts(w)
  local p, state = post(w, "tenantStateChange", activation "plain")
  t.eq({ p.workflow, state() }, { "default-account-activation", "Completed" })
end)

t.it("C5.1 conversions go by their target type", function(w)
  set_up(w)
  knows(w, { creditCard = { verified = true } })
  local function convert(kind)
    return post(w, "tenantAccountTypeConversion",
                { tenant = tenant "plain", user = USER, initialAccountType = account "plain",
                  targetAccountType = account(kind) })
  end
  local p, state = convert "card"
  t.eq({ p.workflow, state() }, { "account-conversion-to-credit-card-payment", "Completed" })
  p, state = convert "manual"
  t.eq({ p.workflow, state() }, { "account-conversion-to-manual-activation-type", "Running" })
  w:as("fay"):complete("finance", "approve", { memo = "fine" })
  t.eq(state(), "Completed")
end)

local function subscription(kind)
  return { tenant = tenant(kind), user = USER, subscription = { id = "S-9" },
           subscriptionInitialState = { name = "NEW" },
           subscriptionTargetState = { name = "ACTIVE" } }
end

t.it("C5.1 a subscription reserves its funds", function(w)
  set_up(w)
  w:http("POST", "/subscriptions/S-9/pre-authorization", { status = 201, json = { id = "R-1" } })
  local p, state = post(w, "subscriptionActivation", subscription "preauth")
  t.eq({ p.workflow, state() }, { "pre-auth-required-subscription-activation", "Completed" })
  t.eq(#w:calls("POST"), 1)
end)

t.it("C5.2 the misspelt name is matched as it is spelt", function(w)
  set_up(w)
  local p = post(w, "paymentInfoChange", { tenant = tenant "manual", user = USER })
  t.eq(p.workflow, "manual-activiation-type-payment-info-change")
  w:as("finn"):complete("finance", "approve")
  t.eq(p.run, "Completed")
end)

t.it("C5.3 enabling a service completes at once: its rule is not live", function(w)
  set_up(w)
  local p, state = post(w, "cloudServiceActivation", { tenant = tenant "plain", user = USER,
                                                       serviceInstance = { id = "I-1" } })
  t.eq({ p, state() }, { nil, "Completed" })
end)

t.it("C2.2, C6.17 with no match: completed, no workflow, no task, no mail", function(w)
  set_up(w)
  local p, state = post(w, "subscriptionActivation", subscription "plain")
  t.eq({ p, state() }, { nil, "Completed" })
  t.eq({ #w:tasks(), #w:mails() }, { 0, 0 })
end)

t.it("C2.6 a transaction that lacks what a rule reads is in Error, and starts nothing", function(w)
  set_up(w)
  local tx = w:emit("tenantStateChange", { tenant = tenant "trial" })
  t.eq({ tx.state, tx.matched }, { "Error", false })
  t.ok(tx.message:find("tenantInitialState", 1, true), tx.message)
end)

-- ---- C6.8: memos ----

t.it("C6.7, C6.8 a rejection needs a memo, of 255 characters at most, and is the message", function(w)
  set_up(w)
  local p, state = post(w, "paymentInfoChange", { tenant = tenant "manual", user = USER })
  local fay = w:as "fay"
  t.raises(function() fay:complete("finance", "reject") end, "memo")
  t.raises(function() fay:complete("finance", "reject", { memo = "" }) end, "memo")
  t.raises(function() fay:complete("finance", "reject", { memo = ("様"):rep(256) }) end, "255")
  t.raises(function() fay:complete("finance", "approve", { memo = ("x"):rep(256) }) end, "255")
  t.eq({ p.run, #p:tasks() }, { "Running", 1 })
  local reason = ("様"):rep(255)
  fay:complete("finance", "reject", { memo = reason })
  t.eq({ p.run, p.message, state() }, { "Failure", reason, "Failure" })
  t.eq(p:tasks "all"[1].status, "COMPLETED")
  t.eq(statuses(p).finance, "Failure")
end)

t.it("C6.13 a rejection is reset: a new copy, and a second answer completes it", function(w)
  set_up(w)
  local p, state = post(w, "paymentInfoChange", { tenant = tenant "manual", user = USER })
  w:as("fay"):complete("finance", "reject", { memo = "no" })
  p:reset()
  local live = 0
  for _, a in ipairs(p:activities()) do live = live + (a.aside and 0 or 1) end
  t.eq({ p.run, state(), #p:activities(), live }, { "Running", "Running", 2, 1 })
  w:as("finn"):complete("finance", "approve")
  t.eq({ p.run, state() }, { "Completed", "Completed" })
end)

t.it("C6.14 the reset of a healthy workflow does nothing", function(w)
  set_up(w)
  local p = post(w, "paymentInfoChange", { tenant = tenant "manual", user = USER })
  p:reset()
  t.eq({ p.run, #p:tasks "all" }, { "Running", 1 })
end)

t.it("C6.15 only who holds the role, and the second one is told it is done", function(w)
  set_up(w)
  local p = post(w, "paymentInfoChange", { tenant = tenant "manual", user = USER })
  t.raises(function() w:as("ann"):complete(p, "finance", "approve") end)
  w:as("fay"):complete("finance", "approve")
  t.raises(function() w:as("finn"):complete(p, "finance", "approve") end)
  t.eq(p.run, "Completed")
end)

-- ---- C6.11: thresholds ----

for _, case in ipairs {
  { "email", "tenantStateChange", activation "trial", "verifyMasterUserEmailActivity" },
  { "card", "tenantAccountTypeConversion", { tenant = tenant "plain", user = USER,
      targetAccountType = account "card" }, "verifyCreditCardInfoActivity" } } do
  local label, type_, data = case[1], case[2], case[3]
  t.it("C6.11 " .. label .. " is waited for 72 hours and not a minute less", function(w)
    set_up(w)
    knows(w, {})
    local p, state = post(w, type_, data)
    w:pass "71h59m"
    t.eq({ p.run, statuses(p)[label] }, { "Running", "Waiting" })
    w:pass "1m"
    t.eq({ p.run, statuses(p)[label], state() }, { "Failure", "Failure", "Failure" })
  end)
end

t.it("C6.11 the card's task is waited for 72 hours; then it is gone", function(w)
  set_up(w)
  knows(w, VERIFIED)
  makes_accounts(w)
  local p = post(w, "tenantStateChange", activation "card")
  w:pass "71h59m"
  t.eq({ p.run, #p:tasks() }, { "Running", 1 })
  w:pass "1m"
  t.eq({ p.run, #p:tasks() }, { "Failure", 0 })
end)

t.it("C6.11 a fact that comes in time is found", function(w)
  set_up(w)
  knows(w, {}, 3)
  knows(w, VERIFIED)
  makes_accounts(w)
  local p, state = post(w, "tenantStateChange", activation "trial")
  t.eq(p.run, "Running")
  w:pass "1h"
  t.eq(state(), "Completed")
end)

t.it("C4.1 a threshold is a setting", function(w)
  set_up(w, { ["verifyMasterUserEmailActivity.failureThreshold"] = "2h" })
  knows(w, {})
  local p = post(w, "tenantStateChange", activation "trial")
  w:pass "1h59m"
  t.eq(p.run, "Running")
  w:pass "1m"
  t.eq(p.run, "Failure")
end)

t.it("C6.13 a reset begins its threshold anew", function(w)
  set_up(w)
  knows(w, {})
  local p = post(w, "tenantStateChange", activation "trial")
  w:pass "72h"
  p:reset()
  t.eq(p.run, "Running")
  w:pass "71h59m"
  t.eq(p.run, "Running")
  w:pass "1m"
  t.eq(p.run, "Failure")
end)

t.it("C6.6 an account service that is down is asked again, and is no failure", function(w)
  set_up(w)
  w:http("GET", TENANT, { fail = { 503, "timeout", 429 }, then_json = {
    masterUser = { emailVerified = true } } })
  makes_accounts(w)
  local _, state = post(w, "tenantStateChange", activation "trial")
  t.eq(state(), "Running")
  w:pass "1h"
  t.eq(state(), "Completed")
end)

-- ---- C6.10: retries ----

local function tried(w)
  local out = {}
  for i, c in ipairs(w:calls("POST", ACCOUNTS)) do out[i] = (c.at - w:now()) // 3600000 end
  return out
end

t.it("C6.10 never answered: tried at 0, 24, 48 and 72 hours, Failure at the fourth refusal", function(w)
  set_up(w)
  knows(w, VERIFIED)
  makes_accounts(w, { status = 503, json = { state = "not yet" } })
  local p, state = post(w, "tenantStateChange", activation "trial")
  t.eq(#tried(w), 1)
  w:pass "71h59m"
  t.eq({ #tried(w), p.run, state() }, { 3, "Running", "Running" })
  w:pass "1m"
  t.eq(tried(w), { -72, -48, -24, 0 })
  t.eq({ p.run, statuses(p).accounts, state() }, { "Failure", "Failure", "Failure" })
  local key = w:calls("POST", ACCOUNTS)[1].headers["idempotency-key"]
  for _, c in ipairs(w:calls("POST", ACCOUNTS)) do t.eq(c.headers["idempotency-key"], key) end
  w:pass "200h"
  t.eq(#tried(w), 4)
end)

t.it("C6.10 the third retry may still succeed", function(w)
  set_up(w)
  knows(w, VERIFIED)
  makes_accounts(w, { fail = { 503, "timeout", 429 }, then_status = 201 })
  local _, state = post(w, "tenantStateChange", activation "trial")
  w:pass "72h"
  t.eq({ #tried(w), state() }, { 4, "Completed" })
end)

t.it("C4.1 with no retries the first refusal is the last", function(w)
  set_up(w, { ["createOSSAccountActivity.noOfRetries"] = 0 })
  knows(w, VERIFIED)
  makes_accounts(w, { status = 503 })
  local p = post(w, "tenantStateChange", activation "trial")
  t.eq({ #tried(w), p.run }, { 1, "Failure" })
end)

t.it("C6.10 a reset counts its retries anew, under another key", function(w)
  set_up(w, { ["createOSSAccountActivity.noOfRetries"] = 1 })
  knows(w, VERIFIED)
  makes_accounts(w, { status = 503 })
  local p = post(w, "tenantStateChange", activation "trial")
  w:pass "24h"
  t.eq(p.run, "Failure")
  p:reset()
  t.eq(p.run, "Running")
  w:pass "24h"
  t.eq({ #tried(w), p.run }, { 4, "Failure" })
  local calls = w:calls("POST", ACCOUNTS)
  t.eq(calls[1].headers["idempotency-key"], calls[2].headers["idempotency-key"])
  t.ne(calls[2].headers["idempotency-key"], calls[3].headers["idempotency-key"])
end)

t.it("C6.10 an approval's mail is repeated with each retry, its task is one", function(w)
  set_up(w)
  local p, state = post(w, "paymentInfoChange", { tenant = tenant "manual", user = USER })
  local function requests()
    local n = 0
    for _, m in ipairs(w:mails()) do n = n + (m.to == "fin@portal.example" and 1 or 0) end
    return n
  end
  local id = p:tasks()[1].id
  t.eq(requests(), 1)
  w:pass "23h59m"
  t.eq(requests(), 1)
  w:pass "1m"
  t.eq({ requests(), p:tasks()[1].id }, { 2, id })
  w:pass "48h"
  t.eq({ requests(), p.run, #p:tasks() }, { 4, "Running", 1 })
  w:pass "24h"
  t.eq({ requests(), p.run, state(), #p:tasks() }, { 4, "Failure", "Failure", 0 })
end)

t.it("C6.10 an approval after the second reminder is as good as one at once", function(w)
  set_up(w)
  local p = post(w, "paymentInfoChange", { tenant = tenant "manual", user = USER })
  w:pass "50h"
  w:as("fay"):complete("finance", "approve")
  t.eq(p.run, "Completed")
  w:pass "200h"
  t.eq(#w:calls(), 0)
end)

-- ---- C6.9, C6.12: errors ----

t.it("C6.9 a service that is broken is an Error, not retried; mended and reset it completes", function(w)
  set_up(w)
  knows(w, VERIFIED)
  makes_accounts(w, { status = 500, times = 1, json = { error = "no disk" } })
  makes_accounts(w)
  local p, state = post(w, "tenantStateChange", activation "trial")
  t.eq({ p.run, state(), #tried(w) }, { "Error", "Error", 1 })
  t.ok(p.message:find("no disk", 1, true), p.message)
  w:pass "100h"
  t.eq(#tried(w), 1)
  p:reset()
  t.eq({ p.run, state(), #tried(w) }, { "Completed", "Completed", 2 })
end)

t.it("C6.12 a sibling's success is kept when the other one fails, and no phase follows", function(w)
  set_up(w)
  knows(w, VERIFIED)
  makes_accounts(w, { status = 503, times = 1 })
  makes_accounts(w)
  local p, state = post(w, "tenantStateChange", activation "manual")
  w:as("fay"):complete("finance", "reject", { memo = "unknown company" })
  t.eq(p.run, "Failure")
  w:pass "24h"
  t.eq({ statuses(p).accounts, p.run, state() }, { "Success", "Failure", "Failure" })
  p:reset()
  w:as("fay"):complete("finance", "approve")
  t.eq({ p.run, #tried(w) }, { "Completed", 2 })
end)

-- ---- C6.14: who may reset ----

t.it("C6.14 the account management resets; who has another role, or none, does not", function(w)
  set_up(w)
  local p, state = post(w, "paymentInfoChange", { tenant = tenant "manual", user = USER })
  t.raises(function() w:as("fay"):reset(p) end, "ROLE_ACCOUNT_MGMT")   -- healthy, too
  w:as("fay"):complete("finance", "reject", { memo = "unknown company" })
  for _, who in ipairs { "fay", "ann", "nobody" } do
    t.raises(function() w:as(who):reset(p) end, "only members of lane 'ROLE_ACCOUNT_MGMT'")
  end
  t.eq({ p.run, state(), #p:tasks() }, { "Failure", "Failure", 0 })
  w:as("mia"):reset(p)
  t.eq({ p.run, state(), #p:tasks() }, { "Running", "Running", 1 })
  w:as("mia"):reset(p)                    -- healthy again: nothing, and no refusal
  t.eq({ p.run, #p:tasks() }, { "Running", 1 })
  w:as("finn"):complete("finance", "approve")
  t.eq({ p.run, state() }, { "Completed", "Completed" })
end)

-- ---- C6.17: notifications ----

t.it("C6.17 start and each success are told to who triggered it, with the whole state", function(w)
  set_up(w)
  knows(w, VERIFIED)
  makes_accounts(w)
  post(w, "tenantStateChange", activation "trial")
  t.eq(subjects(w), { "tenantStateChange of T-1: started", "tenantStateChange of T-1: Success email",
                      "tenantStateChange of T-1: Success accounts" })
  local m = w:mails()
  t.eq(m[1].to, USER.email)
  t.ok(m[2].body:find("Identity verification / email: Success", 1, true), m[2].body)
  t.ok(m[3].body:find("is Completed", 1, true), m[3].body)
end)

t.it("C6.17 failure and reset are told", function(w)
  set_up(w)
  local p = post(w, "paymentInfoChange", { tenant = tenant "manual", user = USER })
  w:as("fay"):complete("finance", "reject", { memo = "unknown company" })
  p:reset()
  local told = {}
  for _, m in ipairs(w:mails()) do
    if m.to == USER.email then told[#told + 1] = m.subject:match ": (.*)$" end
  end
  t.eq(told, { "started", "Failure finance", "reset" })
end)

t.it("C6.17 an Error is told", function(w)
  set_up(w)
  knows(w, VERIFIED)
  makes_accounts(w, { status = 500 })
  post(w, "tenantStateChange", activation "trial")
  t.eq(subjects(w)[3], "tenantStateChange of T-1: Error accounts")
end)

for _, case in ipairs {
  { "an inactive user's goes to the master user", { active = false }, {}, "master@t1.example" },
  { "an unverified user's goes to the master user", { emailVerified = false }, {}, "master@t1.example" },
  { "nobody is written to when neither may be", { active = false }, { emailVerified = false } } } do
  t.it("C6.17 " .. case[1], function(w)
    set_up(w)
    knows(w, VERIFIED)
    makes_accounts(w)
    local tx = activation "trial"
    tx.user = { email = USER.email, active = true, emailVerified = true }
    for k, v in pairs(case[2]) do tx.user[k] = v end
    for k, v in pairs(case[3]) do tx.tenant.masterUser[k] = v end
    post(w, "tenantStateChange", tx)
    local m = w:mails()
    t.eq({ #m, m[1] and m[1].to }, { case[4] and 3 or 0, case[4] })
  end)
end

t.it("C6.17 an emptied template turns it off", function(w)
  set_up(w, { WORKFLOW_UPDATED = "" })
  knows(w, VERIFIED)
  makes_accounts(w)
  post(w, "tenantStateChange", activation "trial")
  t.eq(#w:mails(), 0)
end)

-- ---- not live, but there ----

t.it("C5 the approval of a service waits for the account management", function(w)
  set_up(w, { ["toEmails.APPROVAL_REQUEST"] = "a@portal.example, b@portal.example" })
  local p = w:start("cloud-service-activation-approval",
                    { tenant = "T-1", transaction = { type = { name = "cloudServiceActivation" },
                                                      tenant = tenant "plain" } })
  t.eq({ p:tasks()[1].lane, #w:mails() }, { "ROLE_ACCOUNT_MGMT", 3 })
  w:as("mia"):complete("service", "approve")
  t.eq(p.run, "Completed")
end)
