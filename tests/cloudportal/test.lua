-- The refs that no shipped workflow uses, and settings out of the beans (C4).
local t  = require "moonlane.test"
local ml = require "moonlane"

local TENANT <const> = "/tenants/T-1"

local function set_up(w, more)
  local all = { account_url = "https://accounts.example", account_token = "tok" }
  for k, v in pairs(more or {}) do all[k] = v end
  w:settings(all)
  w:people { ROLE_ACCOUNT_BILLING_ADMIN = { "bill" }, ROLE_ACCOUNT_ADMIN = { "ann" } }
end

local function knows(w, facts, times)
  local v = { masterUser = { emailVerified = false }, paymentInfo = ml.null, deposit = ml.null }
  for k, x in pairs(facts or {}) do v[k] = x end
  w:http("GET", TENANT, { json = v, times = times, optional = true })
end

local data <const> = { tenant = { id = "T-1", masterUser = { email = "master@t1.example" } } }

local function statuses(p)
  local out = {}
  for _, a in ipairs(p:activities()) do out[a.label] = a.status end
  return out
end

t.it("C4.1 dummy: in progress first, then complete", function(w)
  set_up(w)
  knows(w)
  local p = w:emit("tenantStateChange", data).process
  t.eq(p.phase[1], "sample")
  w:pass "4s"
  t.eq(p.phase[1], "sample")
  w:pass "1s"
  t.eq({ p.phase[1], statuses(p).payment }, { "money", "Waiting" })
end)

t.it("C4.1 payment information: a task of the billing administrator, then the fact", function(w)
  set_up(w)
  knows(w, {}, 4)
  knows(w, { paymentInfo = "invoice", deposit = { verified = true } })
  local tx = w:emit("tenantStateChange", data)
  w:pass "5s"
  t.raises(function() w:as("ann"):complete(tx.process, "payment", "done") end)
  w:as("bill"):complete("payment", "done")
  w:pass "30m"
  t.eq({ tx.process.run, w:transaction(tx.id).state }, { "Completed", "Completed" })
end)

t.it("C4.1, C6.11 the deposit is waited for 72 hours", function(w)
  set_up(w)
  knows(w, { paymentInfo = "invoice" })
  local p = w:emit("tenantStateChange", data).process
  w:pass "5s"
  t.eq({ statuses(p).payment, statuses(p).deposit }, { "Success", "Waiting" })
  w:pass "71h59m"
  t.eq(p.run, "Running")
  w:pass "1m"
  t.eq({ p.run, statuses(p).deposit }, { "Failure", "Failure" })
end)

t.it("C4.1 the owner decides: TENANT_ADMIN_APPROVAL, mailed to the master user", function(w)
  set_up(w)
  local tx = w:emit("paymentInfoChange", data)
  local m = w:mails()
  t.eq({ #m, m[1].to, m[1].subject },
       { 1, "master@t1.example", "TENANT_ADMIN_APPROVAL: paymentInfoChange of tenant T-1" })
  w:as("ann"):complete("owner", "reject", { memo = "too dear" })
  t.eq({ tx.process.message, w:transaction(tx.id).state }, { "too dear", "Failure" })
end)

t.it("C4.1, C7.1 the beans' hours and retries are the defaults", function(w)
  set_up(w)
  knows(w)
  w:http("POST", "/tenants/T-1/oss-accounts", { status = 503 })
  local p = w:emit("subscriptionActivation", data).process
  t.eq(#w:calls("POST"), 1)
  w:pass "1h59m"
  t.eq({ #w:calls("POST"), statuses(p).accounts }, { 1, "Waiting" })
  w:pass "1m"
  t.eq({ #w:calls("POST"), statuses(p).accounts, statuses(p).email }, { 2, "Failure", "Waiting" })
  w:pass "2h59m"
  t.eq(statuses(p).email, "Waiting")
  w:pass "1m"
  t.eq(statuses(p).email, "Failure")
end)

t.it("C4.1 a setting of the installation wins over the beans", function(w)
  set_up(w, { ["createOSSAccountActivity.noOfRetries"] = 0 })
  knows(w)
  w:http("POST", "/tenants/T-1/oss-accounts", { status = 503 })
  local p = w:emit("subscriptionActivation", data).process
  t.eq({ #w:calls("POST"), statuses(p).accounts }, { 1, "Failure" })
end)
