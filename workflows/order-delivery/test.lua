-- What the published process must do, item by item: Q numbers are those of its
-- description.  x1 x2 x2′ x3 x4 x5 are automatic; 1-1 1-2 1-1′ 2 are people's.
local t    = require "moonlane.test"
local ml   = require "moonlane"
local time = require "moonlane.time"

local RECORD <const>, RECORDS <const> = "/k/v1/record.json", "/k/v1/records.json"

-- ---- helpers ----

local settings = { kintone_url = "https://k.example", kintone_app = 1, kintone_token = "tok-9c1" }

local function set_up(w, more)
  local all = {}
  for k, v in pairs(settings) do all[k] = v end
  for k, v in pairs(more or {}) do all[k] = v end
  w:settings(all)
  w:people { licensing = { "aiko" }, construction = { "ben" }, mailing = { "chie" } }
end

-- The record of the order, with some values changed.
local function record(w, values, file)
  local r = w:fixture(file or "record.json")
  for code, v in pairs(values or {}) do
    r.record[code] = r.record[code] or { type = "SINGLE_LINE_TEXT" }
    r.record[code].value = v
  end
  return r
end

-- A ledger with one record that takes what is written.
local function ledger(w, values, more)
  set_up(w, more)
  w:http("GET", RECORD, { json = record(w, values) })
  w:http("PUT", RECORD, { json = { revision = "2" } })
end

local WISH <const> = { ["k_マニュアル送付希望"] = "希望する" }
local function start(w) return w:start("order-delivery", { q_kintoneId = "42" }) end
local function arrange(w, key) w:as("aiko"):complete("1-1", { q_licenseKey = key or "K-1" }) end
local function built(w)
  w:as("ben"):complete("1-2", "built", { q_accessUrl = "https://a.example", q_password = "pw-7731" })
end
local function send_manual(w)
  w:as("chie"):complete("2", { q_sendZipcode = "150-0001", q_sendAddress = "東京都渋谷区1-2-3",
                               q_sendName = "山田 花子", q_trackingNo = "1234-5678-9012" })
end
local function labels(tasks)
  local out = {}
  for i, task in ipairs(tasks) do out[i] = task.label end
  table.sort(out)
  return out
end
local function put_fields(call)
  local out = {}
  for code, cell in pairs(call.json.record) do out[code] = cell.value end
  return out
end

-- ---- the sample of the documentation, as it is printed there ----

t.it("a wrong key goes back once", function(w)
  w:settings { kintone_url = "https://k.example", kintone_app = 1, kintone_token = "t", poll_every = "15m" }
  w:people { licensing = { "aiko" }, construction = { "ben" } }
  w:http("GET", "/k/v1/record.json", { json = w:fixture "record.json" })
  w:http("PUT", "/k/v1/record.json", { fail = { "timeout", 503 }, then_json = { revision = "2" } })
  local p = w:start("order-delivery", { q_kintoneId = "42" })
  w:as("aiko"):complete("1-1", { q_licenseKey = "K-1" })
  w:as("ben"):complete("1-2", "wrong", { q_memo = "plan differs" })
  w:pass("3d")
  w:as("aiko"):complete("1-1′", { q_licenseKey = "K-2" })
  w:as("ben"):complete("1-2", "built", { q_accessUrl = "https://a.example", q_password = "x" })
  t.eq(p.status, "COMPLETED")
end)

-- ---- Q1, Q2: lanes and steps ----

t.it("Q1.2 the system's lane never yields a task", function(w)
  ledger(w, WISH)
  local p = start(w)
  arrange(w)
  w:as("ben"):complete("1-2", "wrong", { q_memo = "again" })
  w:as("aiko"):complete("1-1′", { q_licenseKey = "K-2" })
  send_manual(w)
  built(w)
  t.eq(p.status, "COMPLETED")
  for _, task in ipairs(p:tasks "all") do t.ne(task.lane, "system", task.label) end
end)

t.it("Q1.3 tasks are offered to their lane's people only", function(w)
  ledger(w)
  local p = start(w)
  t.eq(#w:as("aiko"):tasks(), 1)
  t.eq(#w:as("ben"):tasks(), 0)
  t.raises(function() w:as("ben"):complete("1-1", { q_licenseKey = "K" }) end,
           "only members of lane 'licensing' may do this task")
  t.raises(function() w:as("ben"):claim("1-1") end, "only members of lane")
  local task = p:tasks()[1]
  t.eq(task.status, "OPEN")
  t.eq(task.offered, true)
  t.eq(p.data.q_licenseKey, nil)
end)

t.it("Q2.1 labels with primes survive byte for byte", function(w)
  ledger(w)
  local p = start(w)
  arrange(w)
  w:as("ben"):complete("1-2", "wrong", { q_memo = "m" })
  t.eq(p:tasks()[1].label, "1-1′")
  t.eq(p:activity("1-1′").label:byte(-3, -1), ("′"):byte(1, -1))
  w:as("aiko"):complete("1-1′", { q_licenseKey = "K-2" })
  local done = 0
  for _, h in ipairs(p:history()) do
    if h.name == "1-1′" and h.told == "done" then done = done + 1 end
  end
  t.eq(done, 1)
end)

t.it("Q2.2 a full run has exactly these effects", function(w)
  ledger(w, WISH)
  local p = start(w)
  t.eq(p.data.q_id, "C-0042")
  t.eq(p.data.q_customerName, "山田 花子")
  t.eq(p.data.q_customerEmail, "hanako@example.jp")
  t.eq(p.data.q_plan, "スタンダード")
  t.eq(p.data.q_maintenanceDatetime, time.parse "2026-03-10T01:00:00Z")
  t.eq(p.data.q_taskLimitDatetime, time.parse "2026-03-10T01:00:00Z")
  t.eq(p.data.q_status, "3_対応中")
  t.eq(p.subject, "#000001 山田 花子 / スタンダード")
  arrange(w)
  t.eq(p.data.q_licenseKey, "K-1")
  send_manual(w)
  t.eq(p.data.q_trackingNo, "1234-5678-9012")
  built(w)
  t.eq(p.data.q_accessUrl, "https://a.example")
  t.eq(p.data.q_status, "4_対応済")
  local asked = {}
  for i, c in ipairs(p:calls()) do asked[i] = c.activity .. " " .. c.call .. " " .. c.answer end
  t.eq(asked, { "x1 get.1 200", "x3 get.1 200", "x3 put.1 200", "x5 get.1 200", "x5 put.1 200" })
  t.eq(#w:calls(), 5)
  for _, c in ipairs(w:calls()) do t.eq(c.headers["x-cybozu-api-token"], "tok-9c1") end
  local ran = {}
  for _, h in ipairs(p:history()) do
    if h.told == "succeeded" then ran[#ran + 1] = h.name end
  end
  t.eq(ran, { "x1", "x2", "x3", "1-1", "2", "1-2", "x4", "x5" })
end)

-- ---- Q3: control flow ----

local function row(id, stamp)
  return { ["$id"] = { type = "__ID__", value = id },
           ["更新日時"] = { type = "UPDATED_TIME", value = stamp } }
end

t.it("Q3.1 setting the status starts one process with the record id", function(w)
  ledger(w)
  w:http("GET", RECORDS, { times = 1, json = { records = ml.array {}, totalCount = ml.null } })
  w:http("GET", RECORDS, { json = { records = { row("42", "2026-03-02T09:10:00Z") }, totalCount = ml.null } })
  w:polls(true)
  w:pass("1s")
  t.eq(#w:processes(), 0)
  w:pass("15m")
  local all = w:processes "order-delivery"
  t.eq(#all, 1)
  t.eq(all[1].data.q_kintoneId, "42")
  w:pass("1h")
  t.eq(#w:processes(), 1)
end)

t.it("Q3.2 the first call of a run reads the record", function(w)
  ledger(w)
  start(w)
  local c = w:calls()[1]
  t.eq(c.method .. " " .. c.path, "GET " .. RECORD)
  t.eq(c.query, { app = "1", id = "42" })
end)

t.it("Q3.3 any other status ends after x2′ without a task or a PUT", function(w)
  set_up(w)
  for _, status in ipairs { "1_対応なし", "3_対応中", "4_対応済" } do
    w:http("GET", RECORD, { json = record(w, { ["k_ステータス"] = status }), times = 1 })
  end
  w:http("GET", RECORD, { json = record(w, { ["k_ステータス"] = ml.null }), times = 1 })
  for i = 1, 4 do
    local p = start(w)
    t.eq(p.status, "COMPLETED", i)
    t.eq(#p:tasks "all", 0)
    t.eq(p.subject:find("対応なし", 1, true) ~= nil, true)
    t.eq(p:activity("x2′").status, "Success")
    t.eq(p:activity "x3", nil)
  end
  t.eq(#w:calls("PUT"), 0)
end)

t.it("Q3.4 x2 and x3 are done before 1-1 is visible", function(w)
  set_up(w)
  w:http("GET", RECORD, { json = record(w) })
  w:http("PUT", RECORD, { fail = { 503, 503 }, then_json = { revision = "2" } })
  local p = start(w)
  t.eq(#w:tasks(), 0, "while the ledger is down")
  t.eq(p:activity("x3").status, "Waiting")
  t.eq(p.data.q_status, "3_対応中")
  w:pass("1h")
  t.eq(labels(w:tasks()), { "1-1" })
  local put = w:calls("PUT")[1]
  t.eq(put_fields(put), { k_Qid = p.id, ["k_ステータス"] = "3_対応中" })
  t.ok(put.at < p:tasks()[1].createdAt)
end)

t.it("Q3.5 the manual is a second strand only when asked for", function(w)
  set_up(w)
  w:http("GET", RECORD, { json = record(w, WISH), times = 2 })
  w:http("GET", RECORD, { json = record(w, { ["k_マニュアル送付希望"] = "希望しない" }), times = 2 })
  w:http("GET", RECORD, { json = record(w, { ["k_マニュアル送付希望"] = ml.null }), times = 2 })
  w:http("PUT", RECORD, { json = { revision = "2" } })
  t.eq(labels(start(w):tasks()), { "1-1", "2" }, "asked for: both at once")
  t.eq(labels(start(w):tasks "all"), { "1-1" }, "not asked for")
  t.eq(labels(start(w):tasks "all"), { "1-1" }, "empty")
end)

t.it("Q3.6 the key travels to 1-2, which cannot change it", function(w)
  ledger(w)
  local p = start(w)
  arrange(w, "KEY-77")
  local form = p:tasks()[1].form
  t.eq(form.q_licenseKey.value, "KEY-77")
  t.eq(form.q_licenseKey.edit, false)
  t.raises(function()
    w:as("ben"):complete("1-2", "built", { q_licenseKey = "other", q_accessUrl = "https://a.example", q_password = "x" })
  end, "field 'q_licenseKey' cannot be edited here")
  t.eq(p.data.q_licenseKey, "KEY-77")
  t.eq(labels(p:tasks()), { "1-2" })
end)

t.it("Q3.7 three round trips: three 1-1′, four 1-2, one end", function(w)
  ledger(w)
  local p = start(w)
  arrange(w)
  for i = 1, 3 do
    w:as("ben"):complete("1-2", "wrong", { q_memo = "point " .. i })
    w:as("aiko"):complete("1-1′", { q_licenseKey = "K-" .. i + 1 })
  end
  built(w)
  t.eq(p.status, "COMPLETED")
  t.eq(#p:tasks "1-1", 1)
  t.eq(#p:tasks "1-1′", 3)
  t.eq(#p:tasks "1-2", 4)
  for _, task in ipairs(p:tasks "all") do t.eq(task.status, "COMPLETED", task.label) end
  t.eq(p.data.q_licenseKey, "K-4")
  local ends = 0
  for _, h in ipairs(p:history()) do
    if h.told == "completed" then ends = ends + 1 end
  end
  t.eq(ends, 1)
end)

t.it("Q3.7 the loop has a bound, and passing it is a Failure", function(w)
  ledger(w)
  local p = start(w)
  arrange(w)
  for _ = 1, 20 do
    w:as("ben"):complete("1-2", "wrong", { q_memo = "no" })
    w:as("aiko"):complete("1-1′", { q_licenseKey = "K" })
  end
  w:as("ben"):complete("1-2", "wrong", { q_memo = "no" })
  t.eq(p.run, "Failure")
  t.ok(p.message:find("may be entered 20 times", 1, true), p.message)
end)

t.it("Q3.8 the same person corrects, and builds again", function(w)
  ledger(w)
  w:people { licensing = { "dai" }, construction = { "emi" } }
  local p = start(w)
  t.eq(p:tasks()[1].offered, true)
  w:as("dai"):complete("1-1", { q_licenseKey = "K-1" })
  t.eq(p:tasks()[1].offered, true)
  w:as("emi"):complete("1-2", "wrong", { q_memo = "no" })
  local task = p:tasks()[1]
  t.eq(task.label, "1-1′")
  t.eq(task.assignee, "dai")
  t.eq(task.offered, false)
  t.eq(#w:as("aiko"):tasks(), 0)
  t.raises(function() w:as("aiko"):complete("1-1′", { q_licenseKey = "K-2" }) end,
           "the task is allocated to 'dai'")
  w:as("dai"):complete("1-1′", { q_licenseKey = "K-2" })
  t.eq(p:tasks()[1].assignee, "emi")
end)

t.it("Q3.9 the join waits for the strands that were started", function(w)
  ledger(w, WISH)
  local a, b = start(w), start(w)
  w:as("chie"):complete(a, "2", { q_sendZipcode = "1", q_sendAddress = "a", q_sendName = "n", q_trackingNo = "4" })
  t.eq(labels(a:tasks()), { "1-1" }, "manual first")
  t.eq(a.status, "OPEN")
  w:as("aiko"):complete(a, "1-1", { q_licenseKey = "K" })
  w:as("ben"):complete(a, "1-2", "wrong", { q_memo = "m" })
  w:as("aiko"):complete(a, "1-1′", { q_licenseKey = "K" })
  w:as("ben"):complete(a, "1-2", "built", { q_accessUrl = "https://a.example", q_password = "x" })
  t.eq(a.status, "COMPLETED")

  w:as("aiko"):complete(b, "1-1", { q_licenseKey = "K" })
  w:as("ben"):complete(b, "1-2", "built", { q_accessUrl = "https://a.example", q_password = "x" })
  t.eq(labels(b:tasks()), { "2" }, "1-2 first")
  t.eq(b.status, "OPEN")
  w:as("chie"):complete(b, "2", { q_sendZipcode = "1", q_sendAddress = "a", q_sendName = "n", q_trackingNo = "4" })
  t.eq(b.status, "COMPLETED")

  for _, p in ipairs { a, b } do
    local fired = 0
    for _, h in ipairs(p:history()) do
      if h.told == "phase" and h.text == "conclude" then fired = fired + 1 end
    end
    t.eq(fired, 1, "the join fires once")
  end
end)

t.it("Q3.9 without a manual the join does not wait", function(w)
  ledger(w)
  local p = start(w)
  arrange(w)
  built(w)
  t.eq(p.status, "COMPLETED")
end)

t.it("Q3.10 after the last task one PUT with the final status, then the end", function(w)
  ledger(w)
  local p = start(w)
  arrange(w)
  t.eq(#w:calls("PUT"), 1)
  built(w)
  local puts = w:calls("PUT")
  t.eq(#puts, 2)
  t.eq(put_fields(puts[2]), { ["k_ステータス"] = "4_対応済" })
  t.eq(p.status, "COMPLETED")
  w:pass("30d")
  t.eq(#w:calls("PUT"), 2)
end)

t.it("Q3.11 never the final status while a task is open", function(w)
  ledger(w, WISH)
  start(w)
  local function none()
    for _, c in ipairs(w:calls("PUT")) do t.ne(put_fields(c)["k_ステータス"], "4_対応済") end
  end
  none()
  arrange(w)
  none()
  built(w)
  none()
  t.eq(labels(w:tasks()), { "2" })
  w:pass("9d")
  none()
  send_manual(w)
  t.eq(put_fields(w:calls("PUT")[2])["k_ステータス"], "4_対応済")
end)

-- ---- Q4: data items ----

t.it("Q4.2 required binds a form, not the process", function(w)
  ledger(w)
  local p = start(w)
  t.raises(function() w:as("aiko"):complete("1-1", {}) end, "field 'q_licenseKey' is required here")
  t.raises(function() w:as("aiko"):complete("1-1", { q_licenseKey = "" }) end, "required")
  arrange(w)
  t.raises(function() w:as("ben"):complete("1-2", "built", { q_accessUrl = "https://a.example" }) end,
           "field 'q_password' is required here")
  t.raises(function() w:as("ben"):complete("1-2", "wrong", {}) end, "field 'q_memo' is required here")
  w:as("ben"):complete("1-2", "wrong", { q_memo = "only the memo" })
  w:as("aiko"):complete("1-1′", { q_licenseKey = "K-2" })
  built(w)
  t.eq(p.status, "COMPLETED")
  t.eq(p.data.q_sendZipcode, nil)
end)

t.it("Q4.3 an item that the ledger emptied is cleared on purpose", function(w)
  ledger(w, { ["k_氏名"] = ml.null, ["k_プラン"] = "" })
  local p = start(w)
  t.eq(p.data.q_customerName, nil)
  t.eq(p.data.q_plan, nil)
  t.eq(p.run, "Running")
  t.eq(p.subject, "#000001 42 / -")
end)

t.it("Q4.4 what a step does not make editable is refused", function(w)
  ledger(w, WISH)
  local p = start(w)
  local function refused(who, label, outcome, field, value)
    t.raises(function() w:as(who):complete(label, outcome, { [field] = value }) end,
             ("field '%s' cannot be edited here"):format(field), label)
    t.eq(p.data[field] == value, false)
  end
  refused("aiko", "1-1", "done", "q_plan", "ライト")
  refused("aiko", "1-1", "done", "q_accessUrl", "https://x.example")
  refused("chie", "2", "done", "q_licenseKey", "K")
  refused("chie", "2", "done", "q_status", "4_対応済")
  arrange(w)
  refused("ben", "1-2", "built", "q_licenseKey", "K-9")
  t.raises(function() w:as("ben"):complete("1-2", "built", { q_nothing = 1 }) end, "no field 'q_nothing'")
  t.raises(function() w:as("ben"):complete("1-2", "perhaps", {}) end, "no outcome 'perhaps'; allowed: 'built', 'wrong'")
end)

t.it("Q4.5 a choice that is none of ours is an error with item and value", function(w)
  set_up(w)
  w:http("GET", RECORD, { json = record(w, { ["k_プラン"] = "ゴールド" }) })
  local p = start(w)
  t.eq(p.run, "Error")
  t.ok(p.message:find("q_plan", 1, true) and p.message:find("ゴールド", 1, true), p.message)
  t.eq(p.data.q_id, nil, "none of the pairs is stored")
end)

t.it("Q4.6 the password is in no history, log or error text", function(w)
  ledger(w)
  local p = start(w)
  arrange(w)
  t.raises(function()
    w:as("ben"):complete("1-2", "built", { q_accessUrl = "not a url", q_password = { "pw-7731" } })
  end)
  built(w)
  for _, h in ipairs(p:history()) do
    t.eq(tostring(h.text):find("pw-7731", 1, true), nil)
    for _, v in pairs(type(h.data) == "table" and h.data or {}) do t.ne(v, "pw-7731") end
  end
  for _, c in ipairs(w:calls()) do t.eq((c.body or ""):find("pw-7731", 1, true), nil) end
  t.eq(p.data.q_password, "pw-7731")
end)

-- ---- Q5: statuses ----

t.it("Q5.1 the final status means done", function(w)
  ledger(w)
  local p = start(w)
  arrange(w)
  built(w)
  t.eq(p.data.q_status, "4_対応済")
  t.eq(put_fields(w:calls("PUT")[2]), { ["k_ステータス"] = "4_対応済" })
end)

t.it("Q5.2 ids are compared, so an English ledger takes the same arrows", function(w)
  set_up(w, { ledger = "en" })
  w:http("GET", RECORD, { json = record(w, {}, "record-en.json") })
  w:http("PUT", RECORD, { json = { revision = "4" } })
  local p = w:start("order-delivery", { q_kintoneId = "7" })
  t.eq(p.data.q_optionSend, "希望する")
  t.eq(labels(p:tasks()), { "1-1", "2" })
end)

-- ---- Q6: kintone ----

t.it("Q6.1 settings apply to processes started afterwards", function(w)
  set_up(w)
  w:http("GET", "https://k.example" .. RECORD, { json = record(w) })
  w:http("PUT", "https://k.example" .. RECORD, { json = { revision = "2" } })
  w:http("GET", "https://two.example" .. RECORD, { json = record(w), want = { query = { app = 5 } } })
  w:http("PUT", "https://two.example" .. RECORD, { json = { revision = "2" }, want = { json = { app = "5" } } })
  local a = start(w)
  w:settings { kintone_url = "https://two.example", kintone_app = 5 }
  local b = start(w)
  w:as("aiko"):complete(a, "1-1", { q_licenseKey = "K" })
  w:as("ben"):complete(a, "1-2", "built", { q_accessUrl = "https://a.example", q_password = "x" })
  t.eq(a.status, "COMPLETED")
  t.eq(b.status, "OPEN")
  local hosts = {}
  for _, c in ipairs(w:calls("PUT")) do hosts[#hosts + 1] = c.host end
  t.eq(hosts, { "k.example", "two.example", "k.example" })
end)

t.it("Q6.1 without a setting nothing starts, and the sentence says which", function(w)
  w:settings { kintone_url = "https://k.example" }
  t.raises(function() start(w) end, "setting 'kintone_app'")
  t.eq(#w:processes(), 0)
end)

t.it("Q6.2 the English codes, to the end", function(w)
  set_up(w, { ledger = "en" })
  w:http("GET", RECORD, { json = record(w, {}, "record-en.json") })
  w:http("PUT", RECORD, { json = { revision = "4" } })
  local p = w:start("order-delivery", { q_kintoneId = "7" })
  t.eq(p.data.q_customerName, "Jane Doe")
  t.eq(p.data.q_plan, "プレミアム")
  t.eq(p.data.q_maintenanceDatetime, nil)
  t.eq(p.data.q_taskLimitDatetime, w:now() + time.duration "7d")
  arrange(w)
  built(w)
  send_manual(w)
  local puts = w:calls("PUT")
  t.eq(put_fields(puts[1]), { k_Qid = p.id, k_status = "3_Responding" })
  t.eq(puts[1].json.id, "7")
  t.eq(put_fields(puts[2]), { k_status = "4_Supported" })
end)

t.it("Q6.2 codes may hold blanks, and go percent-encoded into queries", function(w)
  set_up(w, { ledger = "en", ledger_codes = { email = "k_email address", status = "k_the status",
                                              stamp = "Updated datetime" } })
  local r = record(w, { ["k_email address"] = "j@example.com", ["k_the status"] = "2_Requires support" },
                   "record-en.json")
  w:http("GET", RECORD, { json = r })
  w:http("PUT", RECORD, { json = { revision = "4" } })
  w:http("GET", RECORDS, { json = { records = ml.array {}, totalCount = ml.null } })
  local p = w:start("order-delivery", { q_kintoneId = "7" })
  t.eq(p.data.q_customerEmail, "j@example.com")
  t.eq(put_fields(w:calls("PUT")[1])["k_the status"], "3_Responding")
  w:poll "changed"
  local c = w:calls("GET", RECORDS)[1]
  t.eq(c.query.query, '((k_the status in ("2_Requires support")) and Updated datetime <= NOW())'
       .. " and $id > 0 order by $id asc limit 500")
  t.ok(c.url:find("k_the%20status", 1, true), c.url)
end)

t.it("Q6.2 Japanese codes are percent-encoded", function(w)
  set_up(w)
  w:http("GET", RECORDS, { json = { records = ml.array {}, totalCount = ml.null } })
  w:poll "changed"
  local c = w:calls()[1]
  t.ok(c.url:find("k_%E3%82%B9%E3%83%86%E3%83%BC%E3%82%BF%E3%82%B9", 1, true), c.url)
  t.eq(c.query["fields[0]"], "$id")
  t.eq(c.query["fields[1]"], "更新日時")
end)

t.it("Q6.3 a code that the record lacks", function(w)
  set_up(w, { ledger_codes = { plan = "k_missing" } })
  w:http("GET", RECORD, { json = record(w) })
  local p = start(w)
  t.eq(p.run, "Error")
  t.ok(p.message:find("the record has no field 'k_missing'", 1, true), p.message)
  t.eq(p.data, { q_kintoneId = "42" })
end)

t.it("Q6.3 a value that is neither a text nor null", function(w)
  set_up(w)
  w:http("GET", RECORD, { json = record(w, { ["k_氏名"] = { "a", "b" } }) })
  local p = start(w)
  t.eq(p.run, "Error")
  t.ok(p.message:find("field 'k_氏名' is neither a text nor null", 1, true), p.message)
  t.eq(p.data, { q_kintoneId = "42" })
end)

t.it("Q6.3 a status of 300 or more", function(w)
  set_up(w)
  w:http("GET", RECORD, { status = 404, json = { code = "GAIA_RE01", id = "x1", message = "no record" } })
  local p = start(w)
  t.eq(p.run, "Error")
  t.ok(p.message:find("kintone refused GET record: 404 GAIA_RE01 no record", 1, true), p.message)
  t.eq(p.data, { q_kintoneId = "42" })
end)

t.it("Q6.3 null becomes empty", function(w)
  ledger(w, { ["k_構築希望日時"] = ml.null, ["k_メールアドレス"] = ml.null })
  local p = start(w)
  t.eq(p.data.q_customerEmail, nil)
  t.eq(p.data.q_maintenanceDatetime, nil)
  t.eq(p.run, "Running")
end)

t.it("Q6.4 x3 sends id and status in one PUT, x5 the status alone", function(w)
  ledger(w)
  local p = start(w)
  arrange(w)
  built(w)
  local puts = w:calls("PUT")
  t.eq(puts[1].json, { app = "1", id = "42", revision = "1",
    record = { k_Qid = { value = p.id }, ["k_ステータス"] = { value = "3_対応中" } } })
  t.eq(puts[2].json, { app = "1", id = "42", revision = "1",
    record = { ["k_ステータス"] = { value = "4_対応済" } } })
  t.ne(puts[1].headers["idempotency-key"], puts[2].headers["idempotency-key"])
end)

t.it("Q6.4 an id that is no number is refused before anything is sent", function(w)
  set_up(w)
  local p = w:start("order-delivery", { q_kintoneId = "0042" })
  t.eq(p.run, "Error")
  t.ok(p.message:find("the record id must be a number like 42, not 0042", 1, true), p.message)
  t.eq(#w:calls(), 0)
end)

t.it("Q6.5 a wished time with a zone is the same instant", function(w)
  ledger(w, { ["k_構築希望日時"] = "2026-03-10T10:00:00+09:00" })
  local p = start(w)
  t.eq(p.data.q_maintenanceDatetime, time.parse "2026-03-10T01:00:00Z")
  t.eq(time.print(p.data.q_maintenanceDatetime), "2026-03-10T01:00:00Z")
  t.eq(p:tasks()[1].dueAt, p.data.q_maintenanceDatetime)
end)

t.it("Q6.5 a wish in the past gives the usual limit", function(w)
  ledger(w, { ["k_構築希望日時"] = "2026-03-01T10:00:00Z" }, { task_limit = "2d" })
  local p = start(w)
  t.eq(p.data.q_taskLimitDatetime, w:now() + time.duration "2d")
  w:pass("47h")
  t.eq(p:tasks()[1].overdue, false)
  w:pass("1h")
  t.eq(p:tasks()[1].overdue, true)
  local told = 0
  w:pass("3d")
  for _, h in ipairs(p:history()) do
    if h.told == "overdue" then told = told + 1 end
  end
  t.eq(told, 1)
end)

t.it("Q6.6 two polls over the same rows start one process, a touch a second", function(w)
  ledger(w)
  local function rows(...) return { records = { ... }, totalCount = ml.null } end
  w:http("GET", RECORDS, { times = 2, json = rows(row("42", "2026-03-02T08:55:00Z")) })
  w:http("GET", RECORDS, { json = rows(row("42", "2026-03-02T08:58:00Z"), row("43", "2026-03-02T08:58:00Z")) })
  t.eq(#w:poll "changed", 1)
  t.eq(#w:poll "changed", 0)
  local more = w:poll "changed"
  t.eq(#more, 2)
  t.eq({ more[1].data.q_kintoneId, more[2].data.q_kintoneId }, { "42", "43" })
  t.eq(#w:poll "changed", 0)
  local asked = w:calls("GET", RECORDS)
  t.eq(asked[1].query.query, '((k_ステータス in ("2_対応要")) and 更新日時 <= NOW())'
       .. " and $id > 0 order by $id asc limit 500")
  t.ok(asked[2].query.query:find('更新日時 >= "2026-03-02T08:55:00Z"', 1, true), asked[2].query.query)
  t.ok(asked[4].query.query:find('更新日時 >= "2026-03-02T08:58:00Z"', 1, true), asked[4].query.query)
end)

t.it("Q6.6 a poll that fails keeps its bound and starts nothing twice", function(w)
  ledger(w)
  local rows = { records = { row("42", "2026-03-02T08:55:00Z") }, totalCount = ml.null }
  w:http("GET", RECORDS, { fail = { 503, "half" }, then_json = rows })
  t.raises(function() w:poll "changed" end, "answered 503")
  t.raises(function() w:poll "changed" end, "inside the headers")
  t.eq(#w:processes(), 0)
  t.eq(#w:poll "changed", 1)
  t.eq(#w:poll "changed", 0)
end)

t.it("Q6.7 the period is a setting, 15 minutes unless set", function(w)
  set_up(w)
  w:http("GET", RECORDS, { json = { records = ml.array {}, totalCount = ml.null } })
  w:polls(true)
  w:pass("59m")
  t.eq(#w:calls(), 4, "at once, then after 15, 30, 45 minutes")
  w:pass("1m")
  t.eq(#w:calls(), 5)
  w:settings { poll_every = "5m" }
  w:pass("15m")
  t.eq(#w:calls(), 9, "at once, then after 5, 10, 15 minutes")
end)

local function notice(values)
  local all = { ["$id"] = { type = "__ID__", value = "42" } }
  for k, v in pairs(values or {}) do all[k] = { value = v } end
  return { id = "note-1", type = "UPDATE_RECORD", app = { id = "1", name = "orders" }, record = all,
           recordTitle = "C-0042", url = "https://k.example/k/1/show#record=42" }
end

t.it("Q6.8 our own writes never start another process", function(w)
  ledger(w)
  w:http("GET", RECORDS, { times = 1, json = { records = { row("42", "2026-03-02T08:55:00Z") }, totalCount = ml.null } })
  w:http("GET", RECORDS, { json = { records = ml.array {}, totalCount = ml.null } })
  t.eq(#w:poll "changed", 1)
  t.eq(#w:post("orders", notice { ["k_ステータス"] = "3_対応中" }), 0, "the notice of x3")
  t.eq(#w:poll "changed", 0)
  arrange(w)
  built(w)
  t.eq(#w:post("orders", notice { ["k_ステータス"] = "4_対応済" }), 0, "the notice of x5")
  t.eq(#w:poll "changed", 0)
  t.eq(#w:processes(), 1)
end)

t.it("Q6.9 a webhook starts the same flow, and the poll does not start it again", function(w)
  ledger(w)
  w:http("GET", RECORDS, { json = { records = { row("42", "2026-03-02T08:55:00Z") }, totalCount = ml.null } })
  local started = w:post("orders", notice { ["k_ステータス"] = "2_対応要" })
  t.eq(#started, 1)
  t.eq(started[1].data.q_kintoneId, "42")
  t.eq(#w:poll "changed", 0)
  t.eq(#w:post("orders", notice()), 0, "delivered twice")
  arrange(w)
  built(w)
  t.eq(started[1].status, "COMPLETED")
  t.eq(#w:processes(), 1)
end)

t.it("Q6.9 the poll first, then the webhook", function(w)
  ledger(w)
  w:http("GET", RECORDS, { json = { records = { row("42", "2026-03-02T08:55:00Z") }, totalCount = ml.null } })
  t.eq(#w:poll "changed", 1)
  t.eq(#w:post("orders", notice()), 0)
  t.eq(#w:processes(), 1)
end)

t.it("Q6.9 what is no notice of this app starts nothing and asks nothing", function(w)
  set_up(w)
  t.eq(#w:post("orders", "no JSON at all"), 0)
  t.eq(#w:post("orders", ""), 0)
  t.eq(#w:post("orders", { type = "DELETE_RECORD", app = { id = "1" }, recordId = "42" }), 0)
  t.eq(#w:post("orders", { type = "UPDATE_RECORD", app = { id = "2" }, record = { ["$id"] = { value = "42" } } }), 0)
  t.eq(#w:post("orders", { type = "UPDATE_RECORD", app = { id = "1" }, record = { ["$id"] = { value = "1 or 1" } } }), 0)
  t.eq(#w:post("orders", { 1, 2, 3 }), 0)
  t.eq(#w:calls(), 0)
end)

-- ---- what kintone may answer ----

t.it("kintone 400 is an Error that an operator can repair", function(w)
  set_up(w)
  w:http("GET", RECORD, { json = record(w) })
  w:http("PUT", RECORD, { fail = { { status = 400, json = { code = "CB_VA01", id = "e1", message = "入力内容が正しくありません。",
    errors = { ["record.k_ステータス.value"] = { messages = { '"3_対応中"は選択肢にありません。' } } } } } },
    then_json = { revision = "2" } })
  local p = start(w)
  t.eq(p.run, "Error")
  t.ok(p.message:find("kintone refused PUT record: 400 CB_VA01", 1, true), p.message)
  t.ok(p.message:find('record.k_ステータス.value: "3_対応中"は選択肢にありません。', 1, true), p.message)
  t.eq(#p:tasks(), 0)
  p:retry("x3")
  t.eq(p.run, "Running")
  t.eq(labels(p:tasks()), { "1-1" })
end)

t.it("kintone 403 and 404 are Errors, never repeated", function(w)
  set_up(w)
  w:http("GET", RECORD, { times = 1, status = 403, json = { code = "GAIA_NO01", id = "e", message = "no right" } })
  w:http("GET", RECORD, { times = 1, status = 404, json = { code = "GAIA_AP01", id = "e", message = "no app" } })
  w:http("GET", RECORD, { times = 1, status = 401, json = { code = "CB_WA01", id = "e", message = "login" } })
  for _, code in ipairs { "GAIA_NO01", "GAIA_AP01", "CB_WA01" } do
    local p = start(w)
    w:pass("1d")
    t.eq(p.run, "Error")
    t.ok(p.message:find(code, 1, true), p.message)
  end
  t.eq(#w:calls(), 3)
end)

local CONFLICT <const> = { status = 409, json = { code = "GAIA_CO02", id = "e", message = "not the latest" } }

t.it("kintone 409 when the values are ours already is done", function(w)
  set_up(w)
  w:http("GET", RECORD, { times = 2, json = record(w) })
  -- the first answer is lost though the write was made: the same request again
  w:http("PUT", RECORD, { fail = { "nothing", CONFLICT } })
  local p = start(w)
  t.eq(p:activity("x3").status, "Waiting")
  w:http("GET", RECORD, { times = 1, json = record(w, { ["$revision"] = "2", k_Qid = p.id, ["k_ステータス"] = "3_対応中" }) })
  w:pass("1h")
  t.eq(labels(p:tasks()), { "1-1" })
  local puts = w:calls("PUT")
  t.eq(#puts, 2)
  t.eq(puts[1].body, puts[2].body)
  t.eq(puts[1].headers["idempotency-key"], puts[2].headers["idempotency-key"])
end)

t.it("kintone 409 with a foreign k_Qid is a Failure", function(w)
  set_up(w)
  w:http("GET", RECORD, { times = 2, json = record(w) })
  w:http("PUT", RECORD, { fail = { CONFLICT } })
  w:http("GET", RECORD, { json = record(w, { ["$revision"] = "2", k_Qid = "another-process", ["k_ステータス"] = "3_対応中" }) })
  local p = start(w)
  t.eq(p.run, "Failure")
  t.eq(p.message, "another process owns this record: another-process")
  t.eq(#w:calls("PUT"), 1)
end)

t.it("x3 leaves a record alone that another process holds", function(w)
  set_up(w)
  w:http("GET", RECORD, { times = 1, json = record(w) })
  w:http("GET", RECORD, { json = record(w, { k_Qid = "another-process", ["k_ステータス"] = "3_対応中" }) })
  local p = start(w)
  t.eq(p.run, "Failure")
  t.eq(p.message, "another process owns this record: another-process")
  t.eq(#w:calls("PUT"), 0)
end)

t.it("x3 takes a record that was ordered again over from its former process", function(w)
  ledger(w, { k_Qid = "the-process-of-last-year" })
  local p = start(w)
  t.eq(labels(p:tasks()), { "1-1" })
  t.eq(put_fields(w:calls("PUT")[1]).k_Qid, p.id)
end)

t.it("x5 does not write into a record that another process took meanwhile", function(w)
  set_up(w)
  w:http("GET", RECORD, { times = 2, json = record(w) })
  w:http("PUT", RECORD, { json = { revision = "2" } })
  w:http("GET", RECORD, { json = record(w, { k_Qid = "another-process", ["k_ステータス"] = "3_対応中" }) })
  local p = start(w)
  arrange(w)
  built(w)
  t.eq(p.run, "Failure")
  t.eq(#w:calls("PUT"), 1)
end)

t.it("kintone 409 from another change reads again and writes on top", function(w)
  set_up(w)
  w:http("GET", RECORD, { times = 2, json = record(w) })
  w:http("PUT", RECORD, { fail = { CONFLICT }, then_json = { revision = "4" } })
  w:http("GET", RECORD, { json = record(w, { ["$revision"] = "3", ["k_氏名"] = "山田 花" }) })
  local p = start(w)
  t.eq(labels(p:tasks()), { "1-1" })
  local puts = w:calls("PUT")
  t.eq({ puts[1].json.revision, puts[2].json.revision }, { "1", "3" })
end)

t.it("kintone 409 for ever ends after five readings", function(w)
  set_up(w)
  w:http("GET", RECORD, { json = record(w) })
  w:http("PUT", RECORD, CONFLICT)
  local p = start(w)
  t.eq(p.run, "Error")
  t.ok(p.message:find("409 GAIA_CO02", 1, true), p.message)
  t.eq(#w:calls("PUT"), 6)
end)

t.it("kintone 429 waits as long as it says", function(w)
  set_up(w)
  w:http("GET", RECORD, { fail = { { status = 429, headers = { ["Retry-After"] = "90" },
    json = { code = "GAIA_TO04", id = "e", message = "too many" } } }, then_json = record(w) })
  w:http("PUT", RECORD, { json = { revision = "2" } })
  local p = start(w)
  t.eq(p:activity("x1").status, "Waiting")
  t.eq(p:activity("x1").due, w:now() + 90000)
  w:pass("89s")
  t.eq(#w:calls(), 1)
  w:pass("1s")
  t.eq(labels(p:tasks()), { "1-1" })
end)

t.it("kintone 503 and silence are repeated, at last a Failure", function(w)
  set_up(w)
  w:http("GET", RECORD, { fail = { 503, 502, 504, "timeout", "refused", "nothing", 500, 503 }, then_status = 503,
                          then_body = "<html>503 Service Unavailable</html>" })
  local p = start(w)
  w:pass("2h")
  t.eq(p.run, "Failure")
  t.eq(#w:calls(), 9, "one attempt and eight retries")
  t.ok(p.message:find("not done after 9 attempts", 1, true), p.message)
  w:pass("7d")
  t.eq(#w:calls(), 9)
end)

t.it("kintone 520 is judged by its code", function(w)
  set_up(w)
  w:http("GET", RECORD, { times = 1, status = 520, json = { code = "GAIA_DA02", id = "e", message = "lock" } })
  w:http("GET", RECORD, { times = 1, status = 520, json = { code = "GAIA_IA02", id = "e", message = "token" } })
  local p = start(w)
  t.eq(p:activity("x1").status, "Waiting")
  t.ok(p:activity("x1").message:find("GAIA_DA02", 1, true))
  w:pass("1h")
  t.eq(p.run, "Error")
  t.ok(p.message:find("520 GAIA_IA02", 1, true), p.message)
end)

t.it("kintone GAIA_DA02 and GAIA_RE18 mean: again later", function(w)
  set_up(w)
  w:http("GET", RECORD, { json = record(w) })
  w:http("PUT", RECORD, { fail = { { status = 400, json = { code = "GAIA_DA02", id = "e", message = "lock" } },
                                   { status = 400, json = { code = "GAIA_RE18", id = "e", message = "lock" } } },
                          then_json = { revision = "2" } })
  local p = start(w)
  t.eq(p:activity("x3").status, "Waiting")
  w:pass("1h")
  t.eq(labels(p:tasks()), { "1-1" })
  t.eq(#w:calls("PUT"), 3)
end)

t.it("kintone answering garbage with 200 is an Error", function(w)
  set_up(w)
  w:http("GET", RECORD, { times = 1, body = "<html>maintenance</html>" })
  w:http("GET", RECORD, { times = 1, body = "[1,2" })
  w:http("GET", RECORD, { times = 1, json = "just a text" })
  for _ = 1, 3 do
    local p = start(w)
    t.eq(p.run, "Error")
    t.ok(p.message:find("JSON", 1, true), p.message)
    t.eq(p.data, { q_kintoneId = "42" })
  end
end)

t.it("half a header, a short body, nothing: not an answer", function(w)
  set_up(w)
  w:http("GET", RECORD, { fail = { "half", "short", "nothing", "garbage" }, then_json = record(w) })
  w:http("PUT", RECORD, { fail = { "short", "half" }, then_json = { revision = "2" } })
  local p = start(w)
  w:pass("2h")
  t.eq(labels(p:tasks()), { "1-1" })
  t.eq(#w:calls("PUT"), 3)
end)

t.it("a token that kintone echoes is in no error text", function(w)
  set_up(w)
  w:http("GET", RECORD, { status = 400, json = { code = "GAIA_IA02", id = "e", message = "bad token tok-9c1" } })
  local p = start(w)
  t.eq(p.run, "Error")
  t.eq(p.message:find("tok-9c1", 1, true), nil)
  t.ok(p.message:find("[secret kintone_token]", 1, true), p.message)
end)

t.it("a lane without members is an incident, and a retry when it has some", function(w)
  w:settings(settings)
  w:http("GET", RECORD, { json = record(w) })
  w:http("PUT", RECORD, { json = { revision = "2" } })
  local p = start(w)
  t.eq(p.run, "Error")
  t.eq(p.message, "nobody can take this task: lane 'licensing' has no members")
  t.raises(function() p:retry "1-1" end, "still has no members")
  w:people { licensing = { "aiko" } }
  p:retry "1-1"
  t.eq(p.run, "Running")
  t.eq(labels(w:as("aiko"):tasks()), { "1-1" })
end)

t.it("cancelling takes tasks and timers away", function(w)
  ledger(w, WISH)
  local p = start(w)
  p:cancel "ordered twice"
  t.eq(p.status, "CANCELLED")
  t.eq(p.message, "ordered twice")
  t.eq(#w:tasks(), 0)
  w:pass("30d")
  t.eq(#w:calls("PUT"), 1)
end)
