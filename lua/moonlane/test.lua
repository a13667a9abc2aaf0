-- moonlane.test: tests of a workflow, on a virtual clock, with faked HTTP and
-- people as actors.
--
--   local t = require "moonlane.test"
--   t.it("a wrong key goes back once", function(w) ... end)
--
-- A world begins at 2026-03-02T09:00:00Z with the folder's workflows in force,
-- nobody in its lanes, no setting set, polls at rest and no network.
--
--   w:settings{ key = value }         w:people{ lane = { "aiko" } }
--   w:http("GET", "/path", { ... })   what answers: src/cmd/test_http.h
--   w:fixture "record.json"           a file of fixtures/; JSON is read
--   w:load "other-folder"             a folder beside, in force too
--   w:start("workflow", { data })     -> p        w:as("aiko"):start(...)
--   w:pass "3d"   w:now()             time goes by, and schedules start what they
--                                     start; what time it is
--   w:as("aiko"):complete([p,] "1-1", [outcome,] { data })   claim, release the
--                                     same way; a person waits for a task as long
--                                     as something is due before it comes, but
--                                     not for schedules alone
--   w:tasks()  w:as("aiko"):tasks()   open ones; those this person may do
--   w:processes "workflow"            -> { p, ... }, the oldest first
--   w:calls("PUT", "/path")           what was sent: { method, url, host, path,
--                                     query, headers, body, json, at, status }
--   w:mails()                         what was mailed: { to, subject, body, at }
--   w:poll "changed"                  runs it: the processes it started
--   w:post("orders", body)            to a webhook: the same; a table goes as JSON
--   w:post("paid", body, { sign = true })   signed as `verify` asks; id = "m1" and
--                                     at = ms say which message, and when
--   w:partner "acme"                  a link; what goes there is faked as HTTP, POST
--                                     to /partners/acme; w:hear("acme", { type = ... })
--                                     comes from there: { status, process, refused }
--   w:emit("type", { data }, { tenant = })   a transaction, for the rules:
--                                     { id, type, tenant, state, matched, rule,
--                                     message, workflow, process = p or nil }
--   w:transaction(id)  w:transactions()      as they are now
--   w:polls(true)                     from now on polls run when they are due
--   w:fault { kind = "crash-after", at = "commit", n = 7 }   before anything else:
--                                     what happens to this test; kinds are in
--                                     src/cmd/torture_fault.h
--   w:ends()                          where everything has come to, as runs with
--                                     a fault and without are compared
--   p.status p.run p.state p.data p.subject p.message p.phase p.id ...
--   p:tasks()  p:tasks "all"  p:tasks "1-2"     p:activity "x1"  p:activities()
--   p:history()  p:logs()  p:calls()  p:comments()
--   p:signal(name, data)  p:set({ data }, { subject =, state =, assignedTo =,
--                                     status =, nextActionAt = })
--   p:comment(text, visibility)  p:cancel(reason)  p:retry(label)
--   p:skip(label, outcome)  p:reset()  w:as("mia"):reset(p)
--
-- A call without a fake fails the test; so does a fake never used, unless it is
-- `optional`.
--
-- Everything asked of `w`, of a person `w:as(name)` and of a process `p` is an
-- operation: its name and its arguments go to the test runner, and
-- what the runner answered is in the journal when the test is run again from
-- its start.  So the runner's list of operations is the list; here are those
-- that come back as something else than plain data, and those with a check.
--
--   the answer of an operation      {"ok": value} or {"error": "sentence"}
--   a process in a value            {"$process": "id"} becomes a live `p`
--   w:name(...)                     {"op": "name", "args": [...]}
--   w:as("aiko"):complete(...)      {"op": "complete", "as": "aiko", "args": [...]}
--   p:tasks()                       {"op": "tasks", "process": "id", "args": []}
--   p.status                        {"op": "read", "process": "id", "args": ["status"]}
local host = require "moonlane.host"

local null = host.null
local raise = host.raise
local t = {}
local tests = {}
local faults = {}                   -- name -> what happens to that test: t.fault

-- ---- operations ----

local processes = {}                -- p -> its id
local new_process

local function dress(v)
  if type(v) ~= "table" then
    if v == null then return nil end
    return v
  end
  if type(v["$process"]) == "string" then return new_process(v["$process"]) end
  for k, item in pairs(v) do
    if type(item) == "table" then v[k] = dress(item) end
  end
  return v
end

-- Processes among the arguments go as what they came as.
local function undress(v, depth)
  if processes[v] then return { ["$process"] = processes[v] } end
  if type(v) ~= "table" or depth > 64 then return v end
  if getmetatable(v) ~= nil and not host.is_array(v) then return v end   -- refused later
  local copy = {}
  for k, item in pairs(v) do copy[k] = undress(item, depth + 1) end
  return host.is_array(v) and host.array(copy) or copy
end

local function operate(op, who, process, ...)
  local args = table.pack(...)
  for i = 1, args.n do
    local v = args[i]
    args[i] = v == nil and null or undress(v, 1)
  end
  args.n = nil
  local want = { op = op, as = who, process = process, args = host.array(args) }
  local answer = host.decode((host.call("op", nil, host.encode(want, op), nil, op)))
  if type(answer) ~= "table" then raise(op .. ": the test runner gave no answer") end
  if answer.error ~= nil and answer.error ~= null then
    raise(("%s: %s"):format(op, tostring(answer.error)))
  end
  return dress(answer.ok)
end

-- ---- w, people, processes ----

local function ops_of(name, prefix, own)
  return { __metatable = false, __name = name,
    __index = function(self, op)
      if own[op] then return own[op] end
      if type(op) ~= "string" then
        raise(name .. " is asked for things by their names")
      end
      return host.anchor(function(this, ...)
        if this ~= self then
          raise(("write %s:%s(...), with a colon"):format(name, op))
        end
        return operate(op, prefix(self), nil, ...)
      end)
    end,
    __newindex = function() raise(name .. " cannot be written") end }
end

local names = {}                    -- a person -> the name
local person_meta = ops_of("person", function(self) return names[self] end, {})

local w = setmetatable({}, ops_of("w", function() end, {
  as = host.anchor(function(_, name)
    if type(name) ~= "string" then raise 'w:as("name"): a member\'s name is wanted' end
    local person = setmetatable({}, person_meta)
    names[person] = name
    return person
  end),
  pass = host.anchor(function(_, time)
    local ms, why = time, nil
    if type(time) == "string" then ms, why = host.duration(time) end
    if math.type(ms) ~= "integer" or ms < 0 then
      raise("w:pass: " .. (why or 'a duration like "3d" is wanted'))
    end
    return operate("pass", nil, nil, ms)
  end),
}))

-- What is called on a process; anything else is read from it.
local calls = { tasks = 1, history = 1, activity = 1, activities = 1, comments = 1,
                comment = 1, signal = 1, cancel = 1, retry = 1, skip = 1, reset = 1,
                calls = 1, logs = 1, set = 1 }

local process_meta = { __metatable = false, __name = "process",
  __index = function(self, key)
    if type(key) ~= "string" then raise "a process is read by names" end
    if key == "id" then return processes[self] end
    if calls[key] then
      return host.anchor(function(this, ...)
        if this ~= self then raise(("write p:%s(...), with a colon"):format(key)) end
        return operate(key, nil, processes[self], ...)
      end)
    end
    return operate("read", nil, processes[self], key)
  end,
  __newindex = function() raise "a process is read-only; use its operations" end,
  __eq = function(a, b) return processes[a] == processes[b] end,
  __tostring = function(self) return "process " .. processes[self] end }

function new_process(id)
  local p = setmetatable({}, process_meta)
  processes[p] = id
  return p
end

-- ---- looking at values ----

local function quoted(s)
  return '"' .. s:gsub('[%c"\\]', function(c)
    return c == "\n" and "\\n" or c == '"' and '\\"' or c == "\\" and "\\\\"
           or ("\\%03d"):format(c:byte())
  end) .. '"'
end

local function print_value(v, depth)
  if v == null then return "ml.null" end
  if type(v) == "string" then return quoted(v) end
  if type(v) ~= "table" or processes[v] then return tostring(v) end
  if depth > 8 then return "{...}" end
  local out, n = {}, #v
  for k, item in pairs(v) do
    if math.type(k) == "integer" and k >= 1 and k <= n then
      out[#out + 1] = print_value(item, depth + 1)
    else
      local key = type(k) == "string" and k:find "^[%a_][%w_]*$" and k
                  or "[" .. print_value(k, depth + 1) .. "]"
      out[#out + 1] = key .. " = " .. print_value(item, depth + 1)
    end
  end
  if #out == 0 then return "{}" end
  local flat = "{ " .. table.concat(out, ", ") .. " }"
  if #flat <= 100 then return flat end
  local pad = ("  "):rep(depth)
  return "{\n" .. pad .. table.concat(out, ",\n" .. pad) .. "\n"
         .. ("  "):rep(depth - 1) .. "}"
end

local function equal(a, b, depth)
  if rawequal(a, b) then return true end
  if type(a) ~= type(b) then return false end
  if type(a) ~= "table" then return a == b end
  if processes[a] or processes[b] then return processes[a] == processes[b] end
  if depth > 64 then return false end
  for k, v in pairs(a) do
    if not equal(v, b[k], depth + 1) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

local function note(why) return why ~= nil and tostring(why) .. ": " or "" end

-- ---- t ----

function t.it(name, f)
  if type(name) ~= "string" or type(f) ~= "function" then
    raise 't.it("what holds", function(w) ... end)'
  end
  if next(faults) ~= nil and not faults[name] then return end
  for _, test in ipairs(tests) do
    if test.name == name then raise("two tests are called " .. quoted(name)) end
  end
  tests[#tests + 1] = { name = name, run = f }
end

-- Of this file the tests that are named so are run, each under that fault.
function t.fault(name, fault)
  if type(name) ~= "string" or type(fault) ~= "table" then
    raise 't.fault("name of a test", { kind =, at =, n = })'
  end
  faults[name] = fault
end

-- The same value: tables by their contents.
function t.eq(got, wanted, why)
  if equal(got, wanted, 1) then return end
  raise(("%snot equal\n   got: %s\nwanted: %s"):format(note(why), print_value(got, 1),
                                                      print_value(wanted, 1)))
end

function t.ne(got, unwanted, why)
  if equal(got, unwanted, 1) then
    raise(("%sboth are %s"):format(note(why), print_value(got, 1)))
  end
end

function t.ok(got, why)
  if got then return got end
  raise(("%sgot %s, wanted something true"):format(note(why), print_value(got, 1)))
end

-- f raises, and the message holds `part` (plain text).  Gives the message.
function t.raises(f, part, why)
  if type(f) ~= "function" then raise "t.raises(function() ... end, part)" end
  local ok, message = pcall(f)
  if ok then raise(note(why) .. "nothing was raised") end
  message = tostring(message)
  if part ~= nil and not message:find(part, 1, true) then
    raise(("%sanother error\n   got: %s\nwanted: %s"):format(note(why),
          print_value(message, 1), print_value(part, 1)))
  end
  return message
end

for name, f in pairs(t) do t[name] = host.anchor(f) end

-- ---- for the worker ----

local list, run = {}, {}

setmetatable(t, { __metatable = false, __index = function(_, k)
  if k == "list" then return list.f end
  if k == "run" then return run.f end
  raise(("there is no t.%s"):format(tostring(k)))
end })

function list.f()
  local out = {}
  for i, test in ipairs(tests) do out[i] = test.name end
  return host.encode(host.array(out), "the names")
end

function run.f(i)
  local test = tests[i]
  if not test then raise(("there is no test %s"):format(tostring(i))) end
  if faults[test.name] then w:fault(faults[test.name]) end
  test.run(w)
end

return t
