-- The scripts' calls and the operations of tests, from a test's point of view.
local t  = require "moonlane.test"
local ml = require "moonlane"

local function run(w, ask, data)
  local all = { ask = ask, must = "x" }
  for k, v in pairs(data or {}) do all[k] = v end
  return w:start("surface", all)
end
local function ended(p, run_, part)
  t.eq(p.run, run_)
  t.ok(p.message:find(part, 1, true), p.message)
end

-- ---- data ----

t.it("JSON null, an empty list and nothing stay apart", function(w)
  local p = run(w, "plain")
  t.eq(p.status, "COMPLETED")
  t.eq(p.data.got, { x = 1, list = ml.array {}, none = ml.null })
end)

t.it("Q4.3 emptying a required item fails loudly, unless it is meant", function(w)
  local p = run(w, "empty")
  ended(p, "Error", "field 'must' is required")
  t.eq(p.data.must, "x")
  p = run(w, "clear")
  t.eq(p.status, "COMPLETED")
  t.eq(p.data.must, nil)
end)

t.it("a wrong value, an unknown field, an undeclared outcome are Errors with a place", function(w)
  ended(run(w, "choice"), "Error", "none of its choices")
  ended(run(w, "unknown"), "Error", "no field 'nothing'")
  ended(run(w, "wrong"), "Error", "'nowhere'")
  local p = run(w, "raise")
  ended(p, "Error", "attempt to index a nil value")
  t.eq(p:activity("run").at, "cases.lua:7")
end)

t.it("fail keeps what was written, retry drops it", function(w)
  local p = run(w, "fail")
  ended(p, "Failure", "not today")
  t.eq(p.data.amount, 7)
  p = run(w, "retry")
  t.eq(p.data.amount, nil)
  t.eq(p:activity("run").due, w:now() + 600000)
  w:pass("30m")
  ended(p, "Failure", "not done after 4 attempts: not yet")
end)

t.it("what was held back comes with the end; log lines come once", function(w)
  local p = run(w, "held")
  t.eq(p.subject, nil)
  t.eq(p.state, "new")
  t.eq(p:logs(), { "a line\t2" })
  w:pass("1m")
  t.eq({ p.subject, p.state, p.assignedTo }, { "a subject", "busy", "aiko" })
  t.eq(p:logs(), { "a line\t2", "behind the sleep" })
  local c = p:comments()[1]
  t.eq({ c.text, c.visibility }, { "for the client", "client" })
end)

t.it("a state that may not follow is an Error", function(w)
  ended(run(w, "leap"), "Error", "cannot follow 'new'; allowed: new, busy")
end)

t.it("a script without end is stopped", function(w)
  ended(run(w, "loop"), "Error", "limit")
end)

-- ---- waiting ----

t.it("sleep: not a millisecond early", function(w)
  local p = run(w, "sleep")
  t.eq(p:activity("run").wait, "sleep")
  w:pass(2 * 3600000 - 1)
  t.eq(p.status, "OPEN")
  w:pass(1)
  t.eq(p.status, "COMPLETED")
  t.eq(p.data.got, 7200000)
end)

t.it("a schedule starts one a night, also in the night of summer time", function(w)
  w:pass(59400000 - 1)                           -- 02:30 in Berlin is 01:30 UTC
  t.eq(#w:processes "nightly", 0)
  w:pass(1)
  local p = w:processes "nightly"[1]
  t.eq({ p.status, p.data.n }, { "COMPLETED", 21 })
  w:pass "27d"
  t.eq(#w:processes "nightly", 28)               -- 3 to 30 March
end)

t.it("await: a signal, one kept before, none in time", function(w)
  local p = run(w, "await")
  p:signal("paid", { sum = 5 })
  t.eq(p.data.got, { sum = 5 })
  t.eq(p.status, "COMPLETED")
  p = run(w, "await")
  p:signal "other"
  t.eq(p.status, "OPEN")
  w:pass("1d")
  t.eq(p.data.got, "late")
  t.raises(function() p:signal "paid" end, "COMPLETED")
end)

t.it("ask: a task from within a script", function(w)
  w:people { office = { "ann" } }
  local p = run(w, "ask")
  t.eq(w:as("ann"):tasks()[1].lane, "office")
  local no = p:tasks()[1].no
  t.ok(no > 0)
  w:as("ann"):complete(p:tasks()[1].label or "which?", "right", { why = "so" })
  t.eq(p.data.got, { "right", "ann", "so" })
end)

t.it("call waits for the other's end, start does not", function(w)
  local p = run(w, "call", { amount = 21 })
  t.eq(p.data.got, { "COMPLETED", 42 })
  local all = w:processes "child"
  t.eq(#all, 1)
  t.eq(all[1].parentProcess.id, p.id)
  p = run(w, "call", { amount = -2 })
  t.eq(p:activity("run").wait, "process")
  w:pass("1h")
  t.eq(p.data.got, { "COMPLETED", -4 })
  p = run(w, "start")
  t.eq(p.status, "COMPLETED")
  local last = w:processes "child"
  t.eq(p.data.got, last[#last].id)
  ended(run(w, "nobody"), "Error", "no workflow 'no such workflow'")
end)

t.it("step, uuid, random: chosen once", function(w)
  local p = run(w, "step")
  w:pass("1m")
  t.eq(p.data.got[1], 42)
  t.ne(p.data.got[2], p.data.got[3])
  t.ok(p.data.got[4] >= 1 and p.data.got[4] <= 6)
end)

-- ---- HTTP ----

t.it("each POST has its own key, all attempts of one the same", function(w)
  w:http("POST", "/a", { fail = { 503, 204, "timeout" }, then_status = 204 })
  local p = run(w, "posts")
  w:pass("5m")
  t.eq(p.status, "COMPLETED")
  local keys = {}
  for i, c in ipairs(w:calls()) do keys[i] = c.headers["idempotency-key"] end
  t.eq(#keys, 4)
  t.eq(keys[1], keys[2])
  t.eq(keys[3], keys[4])
  t.ne(keys[1], keys[3])
  t.ok(keys[1]:find("%.post%.1$") and keys[3]:find("%.post%.second%.1$"), keys[3])
end)

t.it("an answer: status, JSON, headers; a secret goes out and stays unseen", function(w)
  w:settings { key = "s3cret-77" }
  w:http("GET", "/a", { json = { v = "say s3cret-77" }, headers = { ["X-A"] = "b" },
                        want = { headers = { ["x-key"] = "s3cret-77" }, host = "api.example" } })
  local p = run(w, "get")
  t.eq(p.data.got, { 200, "say [secret key]", "b" })
  t.eq(w:calls()[1].headers["x-key"], "s3cret-77")
end)

t.it("raw: whatever comes is an answer", function(w)
  w:http("GET", "/a", { fail = { 503, "refused" } })
  t.eq(run(w, "raw").data.got, { 503 })
  local got = run(w, "raw").data.got
  t.eq(got[1], 0)
  t.ok(got[2]:find("refused", 1, true))
end)

t.it("a host that is not allowed is not asked", function(w)
  ended(run(w, "abroad"), "Error", "may not reach 'elsewhere.example'")
  t.eq(#w:calls(), 0)
end)

t.it("fakes: the first that fits and is not used up answers", function(w)
  w:http("GET", "/a", { json = { v = 1 }, times = 1 })
  w:http("GET", "/a", { json = { v = 2 }, times = 2 })
  w:http("GET", "/a", { json = { v = 3 } })
  w:http("GET", "/b", { optional = true })
  local got = {}
  for i = 1, 4 do got[i] = run(w, "get").data.got[2] end
  t.eq(got, { 1, 2, 2, 3 })
end)

t.it("fakes: what is wrong with one is said", function(w)
  t.raises(function() w:http("FETCH", "/a") end, "the method must be GET")
  t.raises(function() w:http("GET", "a") end, "must begin with '/'")
  t.raises(function() w:http("GET", "/a", { jsn = {} }) end, "a fake has no 'jsn'; there are want, fail")
  t.raises(function() w:http("GET", "/a", { fail = { "slow" } }) end, "fail[1] must be a status")
  t.raises(function() w:http("GET", "/a", { times = 0 }) end, "times must be 1 or more")
  t.raises(function() w:http("GET", "/a", { want = { path = "/b" } }) end, "want has no 'path'")
end)

-- ---- people ----

t.it("claim and release, remind and overdue", function(w)
  w:people { office = { "ann", "bob" } }
  local p = run(w, "human")
  w:as("ann"):claim "check"
  t.eq(p:tasks()[1].assignee, "ann")
  t.eq(#w:as("bob"):tasks(), 0)
  t.raises(function() w:as("bob"):claim "check" end, "already accepted by 'ann'")
  w:as("ann"):release "check"
  t.eq(#w:as("bob"):tasks(), 1)
  w:pass("2d")
  local told = {}
  for _, h in ipairs(p:history()) do told[h.told] = (told[h.told] or 0) + 1 end
  t.eq({ told.reminded, told.overdue }, { 1, 1 })
  t.eq(p:tasks()[1].overdue, true)
end)

t.it("who did one lane's task may be kept from another's", function(w)
  w:people { office = { "ann" }, review = { "ann", "rob" } }
  local p = run(w, "human")
  t.raises(function() w:as("ann"):complete("check", "ok", {}) end, "field 'kind' is required here")
  w:as("ann"):complete("check", "back", {})
  t.eq(p:tasks()[1].assignee, "ann")
  w:as("ann"):complete("check", "ok", { kind = "a", amount = 5 })
  t.raises(function() w:as("ann"):complete("second look", {}) end, "did the task of lane 'office'")
  w:as("rob"):complete(p, "second look", { amount = 6 })
  t.eq(p.status, "COMPLETED")
  t.eq(p.data.amount, 6)
end)

t.it("a task that is not there is named, with what is open", function(w)
  w:people { office = { "ann" } }
  run(w, "human")
  t.raises(function() w:as("ann"):complete("chek", "ok", {}) end, "no open task is called 'chek'; open are: 'check'")
  t.raises(function() w:complete("check", "ok", {}) end, "a person does this")
  run(w, "human")
  t.raises(function() w:as("ann"):complete("check", "back", {}) end, "several open tasks are called 'check'")
end)

-- ---- operators ----

t.it("retry runs it again, skip lets it be, with an outcome, reset begins a copy", function(w)
  w:people { office = { "ann" } }
  local p = run(w, "fail")
  t.raises(function() p:retry "check" end, "the process has no activity 'check' now")
  p:set { ask = "plain" }
  p:retry()
  t.eq(p.status, "COMPLETED")
  p = run(w, "raise")
  t.raises(function() p:skip("run", "sideways") end, "no outcome 'sideways'")
  p:skip "run"
  t.eq(p.status, "COMPLETED")
  p = run(w, "raise")
  p:skip("run", "human")
  t.eq(p:tasks()[1].label, "check")
  p = run(w, "raise")
  p:set({ ask = "plain" })
  p:reset()
  t.eq(p.status, "COMPLETED")
end)

t.it("set checks as everywhere; comments are kept apart by who may see them", function(w)
  local p = run(w, "sleep")
  t.raises(function() p:set { amount = "many" } end, "amount")
  t.raises(function() p:set { nothing = 1 } end, "no field 'nothing'")
  p:set({ amount = 5 }, { subject = "mine", state = "busy", assignedTo = "ann" })
  t.eq({ p.data.amount, p.subject, p.state, p.assignedTo }, { 5, "mine", "busy", "ann" })
  t.raises(function() p:set({}, { state = "new" }) end, "cannot follow 'busy'")
  p:comment "for us"
  p:comment("for them", "shared")
  local seen = {}
  for i, c in ipairs(p:comments()) do seen[i] = c.text .. "/" .. c.visibility end
  t.eq(seen, { "for us/private", "for them/shared" })
  p:cancel()
  t.eq(p.status, "CANCELLED")
  w:pass("3h")
  t.eq(p.status, "CANCELLED")
end)

-- ---- the world itself ----

t.it("settings are those of the start", function(w)
  w:settings { note = "one" }
  local p = run(w, "settings")
  w:settings { note = "two" }
  t.eq({ p.data.got, run(w, "settings").data.got }, { "one", "two" })
  t.raises(function() w:settings { nota = "x" } end, "has a setting 'nota'")
  t.raises(function() w:settings { api = "no url" } end, "api")
  t.raises(function() w:people { offise = { "ann" } } end, "has a lane 'offise'")
end)

t.it("a start that does not fit is refused and leaves nothing", function(w)
  t.raises(function() w:start("surface", {}) end, "field 'ask' is required to start")
  t.raises(function() w:start("surface", { ask = "plain", kind = "a" }) end, "field 'kind' cannot be edited here")
  t.raises(function() w:start("nothing", {}) end, "no workflow 'nothing' is in force")
  t.eq(#w:processes(), 0)
end)

t.it("an operation that is none says which there are", function(w)
  t.raises(function() w:begin("x") end, "there is no operation 'begin'; there are settings, people")
  local p = run(w, "plain")
  t.raises(function() return p.stat end, "a process has no 'stat'; it has id, status")
  t.raises(function() p.status = 1 end, "read-only")
end)

t.it("worlds share nothing", function(w)
  t.eq(#w:processes(), 0)
  t.eq(w:now(), 1772442000000)
  t.raises(function() w:as("ann"):complete("check", "ok") end, "open are: none")
  t.eq(w:now(), 1772442000000)
end)

t.it("another folder beside can be loaded", function(w)
  t.raises(function() w:start("kintone-calls", { ask = "quote" }) end, "no workflow 'kintone-calls'")
  w:load "kintone"
  w:settings { kintone_url = "https://k.example", kintone_app = 1 }
  t.eq(w:start("kintone-calls", { ask = "quote" }).data.got, [["a \"b\" \\c"]])
  t.eq(run(w, "plain").status, "COMPLETED")
  t.raises(function() w:load "../elsewhere" end, "a folder beside this one is wanted")
  t.raises(function() w:load "nowhere" end, "nowhere")
end)
