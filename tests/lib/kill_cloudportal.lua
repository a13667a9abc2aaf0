-- kill_cloudportal.lua - what is asked, done and expected in t_kill_cloudportal.
--
--   set-up SIM TOKEN SOCKET           requests: settings, people
--   wish SEED FROM TO SIM TOKEN       requests: what the portal wants next
--   act DIR SIM TOKEN SOCKET          requests: what people do, by tasks.json and
--                                     wishes.json of DIR
--   left DIR                          how many wishes have not come to their end
--   judge DIR SEED COUNT KILLS EARLY  "0 name" or "1 name" a line, "# note"
--
-- Requests are a file for curl -K.  A wish's kind is in its tenant's name, so that
-- whoever looks knows what is to become of it.
local json = require "cjson"

local KINDS <const> = {
  -- to: the end of its transaction; effects: calls that made something; tasks:
  -- completed ones; of: what the transaction is about
  trial  = { to = "Completed", effects = 1, tasks = 0 },
  plain  = { to = "Completed", effects = 1, tasks = 0 },
  never  = { to = "Failure", effects = 0, tasks = 0 },          -- 503 for ever
  manual = { to = "Completed", effects = 1, tasks = 1 },        -- approved
  refuse = { to = "Failure", effects = 1, tasks = 1 },          -- rejected
  card   = { to = "Completed", effects = 1, tasks = 1 },
  fund   = { to = "Completed", effects = 1, tasks = 0 },        -- pre-authorised
  broken = { to = "Completed", effects = 1, tasks = 0 },        -- Error, reset
  twice  = { to = "Completed", effects = 0, tasks = 2 },        -- rejected, reset
}
local ORDER <const> = { "trial", "manual", "fund", "card", "broken", "refuse", "plain",
                        "twice", "never" }

local function read(dir, name)
  local f = assert(io.open(dir .. "/" .. name))
  local v = json.decode((f:read "a"))
  f:close()
  return v.items
end

-- ---- requests ----

local function quote(s) return '"' .. s:gsub('[\\"]', "\\%0"):gsub("\n", "\\n") .. '"' end

local first = true
local function request(where, method, path, body, headers)
  if not first then print "next" end
  first = false
  print("url = " .. quote(where.url .. path))
  if where.socket then print("unix-socket = " .. quote(where.socket)) end
  print("request = " .. quote(method))
  print "max-time = 20"
  if where.token then print("header = " .. quote("Authorization: Bearer " .. where.token)) end
  for _, h in ipairs(headers or {}) do print("header = " .. quote(h)) end
  if body then
    print('header = "Content-Type: application/json"')
    print("data-binary = " .. quote(type(body) == "string" and body or json.encode(body)))
  end
end

local function key(text) return { "Idempotency-Key: " .. text } end

-- ---- set-up ----

local WORKFLOWS <const> = {
  "trial-account-activation", "credit-card-account-activation", "manual-account-activation",
  "pre-auth-required-subscription-activation", "manual-activiation-type-payment-info-change",
  "default-account-activation" }

local function set_up(sim, engine)
  local function setting(workflow, id, value)
    request(engine, "PUT", ("/v1/workflows/%s/settings/%s"):format(workflow, id), { value = value })
  end
  for _, w in ipairs(WORKFLOWS) do
    setting(w, "account_url", sim.url)
    setting(w, "account_token", sim.token)
    setting(w, "createOSSAccountActivity.timeBetweenRetries", "60ms")
    setting(w, "subscriptionPreAuthActivity.timeBetweenRetries", "60ms")
  end
  request(engine, "PUT", "/v1/users/fay", { lanes = {
    "manual-account-activation/ROLE_FINANCE_CRUD",
    "manual-activiation-type-payment-info-change/ROLE_FINANCE_CRUD" } })
  request(engine, "PUT", "/v1/users/ann", { lanes = {
    "credit-card-account-activation/ROLE_ACCOUNT_ADMIN" } })
end

-- ---- wishes ----

local function random(seed, n)   -- the same for the same two
  local x = (seed * 2654435761 + n * 40503 + 12345) & 0xffffffff
  for _ = 1, 3 do x = (x * 1664525 + 1013904223) & 0xffffffff; x = x ~ (x >> 15) end
  return function(k)
    x = (x * 1664525 + 1013904223) & 0xffffffff
    return (x >> 8) % k + 1
  end
end

local function kind_of(seed, n)
  return ORDER[n <= #ORDER and n or random(seed, n)(#ORDER)]
end

local function tenant(kind, id)
  return { name = id, state = "NEW", paymentInfo = json.null, deposit = json.null,
           creditCard = json.null,
           accountType = { name = kind, paymentModes = kind == "card" and 2 or 1,
                           trial = kind == "trial" or kind == "never" or kind == "broken",
                           manualActivation = kind == "manual" or kind == "refuse" or kind == "twice",
                           preAuthRequired = kind == "fund" },
           masterUser = { email = "master@" .. id .. ".example", active = true, emailVerified = true },
           user = { email = "user@" .. id .. ".example", active = true, emailVerified = true } }
end

local function wish(seed, n, sim)
  local kind, pick = kind_of(seed, n), random(seed, n)
  local id = kind .. "-" .. n
  local path = kind == "fund" and "/subscriptions/S-" .. id .. "/pre-authorization"
               or "/tenants/" .. id .. "/oss-accounts"
  local body = { type = "tenantStateChange", tenant = id, tenantInitialState = { name = "NEW" },
                 tenantTargetState = { name = "ACTIVE" }, target = { state = "ACTIVE" } }
  request(sim, "PUT", "/tenants/" .. id, tenant(kind, id))
  if kind == "fund" then
    request(sim, "PUT", "/subscriptions/S-" .. id, { tenant = id, state = "NEW" })
    body = { type = "subscriptionActivation", tenant = id, subscription = { id = "S-" .. id },
             subscriptionInitialState = { name = "NEW" }, subscriptionTargetState = { name = "ACTIVE" },
             target = { state = "ACTIVE" } }
  elseif kind == "twice" then
    body = { type = "paymentInfoChange", tenant = id, paymentInfo = "invoice",
             target = { paymentInfo = "invoice" } }
  end
  local function fault(what, times)
    request(sim, "POST", "/control/faults", { method = "POST", path = path, what = what, times = times })
  end
  if kind == "never" then
    fault(503, 1000000)
  elseif kind == "broken" then
    fault(500, 1)
  elseif kind ~= "twice" then
    for _ = 1, pick(4) - 1 do fault(({ 503, "lost", "hang" })[pick(3)], 1) end
  end
  request(sim, "POST", "/transactions", body, key("wish-" .. n))
end

-- ---- people ----

local function kind_in(name) return name:match "^(%a+)%-%d+$" end

local function act(dir, sim, engine)
  local by_process = {}
  for _, w in ipairs(read(dir, "wishes.json")) do
    local kind = kind_in(w.tenant)
    if w.process ~= json.null then by_process[w.process] = { kind = kind, tenant = w.tenant } end
    local again = (kind == "broken" and w.state == "Error") or (kind == "twice" and w.state == "Failure")
    if again then request(engine, "POST", "/v1/processes/" .. w.process .. "/reset", {}) end
  end
  for _, t in ipairs(read(dir, "tasks.json")) do
    local w = by_process[t.process]
    local kind = w and w.kind
    local first_one = tonumber(t.id:match "%-(%d+)$") < 4   -- a reset's comes later
    if kind == "card" then
      request(sim, "PATCH", "/tenants/" .. w.tenant,
              { creditCard = { number = "4242", verified = true } }, key("card-" .. w.tenant))
      request(engine, "POST", "/v1/tasks/" .. t.id .. "/complete", { outcome = "done", as = "ann" },
              key("done-" .. t.id))
    elseif kind == "refuse" or (kind == "twice" and first_one) then
      request(engine, "POST", "/v1/tasks/" .. t.id .. "/complete",
              { outcome = "reject", data = { memo = "no: " .. w.tenant }, as = "fay" }, key("done-" .. t.id))
    elseif kind then
      request(engine, "POST", "/v1/tasks/" .. t.id .. "/complete", { outcome = "approve", as = "fay" },
              key("done-" .. t.id))
    end
  end
end

local function left(dir)
  local n = 0
  for _, w in ipairs(read(dir, "wishes.json")) do
    local kind = kind_in(w.tenant)
    if w.state ~= KINDS[kind].to or kind == "twice" and w.state == "Failure" then n = n + 1 end
  end
  return n
end

-- ---- the verdict ----

local function tell(wrong, name, example)
  if wrong > 0 and example then print("# " .. name .. ": " .. example) end
  print((wrong > 0 and 1 or 0) .. " " .. name .. (wrong > 0 and (" (%d wrong)"):format(wrong) or ""))
  return wrong
end

-- What the history says: by process, and how many events were worth a mail.
local function history(dir)
  local seen, started, mails = {}, 0, 0
  local worth = { started = true, succeeded = true, failed = true, broke = true, reset = true }
  for line in io.lines(dir .. "/history.jsonl") do
    local v = json.decode(line)
    if v.kind == "transition" then
      local p = seen[v.process] or { tasks = 0 }
      seen[v.process] = p
      if v.told == "started" then started = started + 1 end
      if v.told == "done" then p.tasks = p.tasks + 1 end
      if worth[v.told] then mails = mails + 1 end
    end
  end
  return seen, started, mails
end

local function judge(dir, seed, count, kills, early)
  local wishes = read(dir, "wishes.json")
  local ended, lost, doubled, tasks_wrong, bad_state = 0, 0, 0, 0, 0
  local why = {}
  local made, calls, keys, key_wrong = {}, 0, {}, 0
  for _, r in ipairs(read(dir, "log.json")) do
    if r.method == "POST" and r.path:find "oss%-accounts$" or r.path:find "pre%-authorization$" then
      calls = calls + 1
      if r.key == "" then key_wrong = key_wrong + 1 end
      if r.effect == 1 then
        if keys[r.key] then key_wrong = key_wrong + 1 end
        keys[r.key] = true
        local id = r.path:match "^/%a+/S?%-?(%a+%-%d+)/"
        made[id] = (made[id] or 0) + 1
      end
    end
  end
  local told, started, mails_wanted = history(dir)
  local processes = {}
  for _, w in ipairs(wishes) do
    local k = KINDS[kind_in(w.tenant)]
    local n = made[w.tenant] or 0
    if w.state == k.to then ended = ended + 1 else why.ended = w.tenant .. " is " .. w.state end
    if n < k.effects then lost = lost + 1; why.lost = w.tenant end
    if n > k.effects then doubled = doubled + 1; why.doubled = w.tenant end
    local p = w.process ~= json.null and told[w.process]
    if not p or p.tasks ~= k.tasks then
      tasks_wrong = tasks_wrong + 1
      why.tasks = w.tenant .. " completed " .. (p and p.tasks or "none")
    end
    if processes[w.process] then doubled = doubled + 1; why.doubled = w.tenant .. " shares a process" end
    processes[w.process] = true
  end
  local effects = 0
  for _, n in pairs(made) do effects = effects + n end
  local state = {}
  for _, t in ipairs(read(dir, "tenants.json")) do state[t.id] = t end
  for _, s in ipairs(read(dir, "subscriptions.json")) do state[s.id:sub(3)] = s end
  for n = 1, count do
    local kind = kind_of(seed, n)
    local t = state[kind .. "-" .. n]
    local want = kind ~= "twice" and KINDS[kind].to == "Completed" and "ACTIVE" or "NEW"
    local info = kind == "twice" and "invoice" or json.null
    if not t or t.state ~= want or (kind ~= "fund" and t.paymentInfo ~= info) then
      bad_state = bad_state + 1
      why.state = kind .. "-" .. n .. " is " .. tostring(t and t.state)
    end
  end
  local ids, mails, repeats = {}, 0, 0
  for _, m in ipairs(read(dir, "mails.json")) do
    if ids[m.id] then
      repeats = repeats + 1
      if ids[m.id] ~= m.raw then why.mails = "one Message-ID, two mails: " .. m.id end
    else
      mails = mails + 1
    end
    ids[m.id] = m.raw
  end
  print(("# %d kills, %d of them while it started; %d transactions, %d calls at the accounts, "
         .. "%d effects; %d mails, %d more were repeats"):format(kills, early, #wishes, calls,
                                                                 effects, mails, repeats))
  print(("# lost %d, doubled %d, ended otherwise %d"):format(lost, doubled, count - ended))
  local wrong = tell(count - ended, "each ended where it must", why.ended)
    + tell(#wishes - count ~= 0 and 1 or started ~= count and 1 or 0,
           "no transaction is lost or started twice", started .. " processes of " .. #wishes)
    + tell(lost, "no effect is lost", why.lost)
    + tell(doubled, "no effect is there twice", why.doubled)
    + tell(key_wrong, "each effect has a key of its own")
    + tell(bad_state, "tenants and subscriptions are as their transactions ended", why.state)
    + tell(tasks_wrong, "no task is lost or done twice", why.tasks)
    + tell((mails ~= mails_wanted or why.mails) and 1 or 0, "each mail is there, repeats have its Message-ID",
           why.mails or (mails .. " mails, wanted " .. mails_wanted))
    + tell(calls > count // 2 and 0 or 1, "there was load")
  os.exit(wrong == 0 and 0 or 1)
end

-- ---- the verb ----

local verb = arg[1]
if verb == "set-up" then
  set_up({ url = arg[2], token = arg[3] }, { url = "http://localhost", socket = arg[4] })
elseif verb == "wish" then
  for n = tonumber(arg[3]), tonumber(arg[4]) do
    wish(tonumber(arg[2]), n, { url = arg[5], token = arg[6] })
  end
elseif verb == "act" then
  act(arg[2], { url = arg[3], token = arg[4] }, { url = "http://localhost", socket = arg[5] })
elseif verb == "left" then
  print(left(arg[2]))
elseif verb == "judge" then
  judge(arg[2], tonumber(arg[3]), tonumber(arg[4]), tonumber(arg[5]), tonumber(arg[6]))
end
