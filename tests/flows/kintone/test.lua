-- moonlane.kintone, call by call: what goes out, and what each answer becomes.
local t  = require "moonlane.test"
local ml = require "moonlane"

local R <const>, RS <const> = "/k/v1/record.json", "/k/v1/records.json"
local RECORD <const> = { record = {
  ["$id"] = { type = "__ID__", value = "42" }, ["$revision"] = { type = "__REVISION__", value = "3" },
  name = { value = "A" }, k_id = { value = "C-1" }, empty = { value = "" }, null = { value = ml.null },
  tags = { value = { "x" } }, when = { value = "2026-03-10T01:00:00Z" }, n = { value = "1.5e1" } } }

local function set(w, more)
  w:settings { kintone_url = "https://k.example/", kintone_app = 1, kintone_token = "T1" }
  if more then w:settings(more) end
end
local function ask(w, case) return w:start("kintone-calls", { ask = case }) end
local function broke(p, part)
  t.eq(p.run, "Error")
  t.ok(p.message:find(part, 1, true), p.message)
end
local function refusal(status, code, message, errors)
  return { status = status, json = { code = code, id = "id-1", message = message or code, errors = errors } }
end

-- ---- get, read ----

t.it("get: app, id, token", function(w)
  set(w)
  w:http("GET", R, { json = RECORD })
  t.eq(ask(w, "get").data.got.name, { value = "A" })
  local c = w:calls()[1]
  t.eq(c.query, { app = "1", id = "42" })
  t.eq(c.headers["x-cybozu-api-token"], "T1")
  t.eq(c.url:find("//k/", 1, true), nil)
  t.eq(ask(w, "get_integer").data.got, "A")
end)

t.it("an id must be a number", function(w)
  set(w)
  broke(ask(w, "get_bad"), "the record id must be a number like 42, not 4x")
end)

for case, sentence in pairs {
  read_no_pair = "no pair of field and item is set", read_half = "pair 1 has an empty half",
  read_no_code = "pair 1 has an empty half", read_twice = "item 'a' is used twice",
  read_eight = "at most 7 pairs of field and item" } do
  t.it("Q6.3 " .. case .. ": nothing is sent", function(w)
    set(w)
    broke(ask(w, case), sentence)
    t.eq(#w:calls(), 0)
  end)
end

t.it("Q6.3 read_missing, read_list: nothing is stored", function(w)
  set(w)
  w:http("GET", R, { json = RECORD })
  for case, sentence in pairs { read_missing = "the record has no field 'nothing'",
                                read_list = "field 'tags' is neither a text nor null" } do
    local p = ask(w, case)
    broke(p, sentence)
    t.eq(p.data.got, nil)
  end
end)

t.it("Q6.3 a refused read", function(w)
  set(w)
  w:http("GET", R, refusal(404, "GAIA_RE01", "no record"))
  broke(ask(w, "read"), "kintone refused GET record: 404 GAIA_RE01 no record")
end)

t.it("read: null and nothing are nil", function(w)
  set(w)
  w:http("GET", R, { json = RECORD })
  t.eq(ask(w, "read").data.got, { a = "A", b = true, c = true, revision = "3" })
end)

-- ---- lists ----

local function rows(from, to)
  local list = {}
  for i = from, to do list[#list + 1] = { ["$id"] = { value = tostring(i) }, name = { value = "r" } } end
  return { records = ml.array(list), totalCount = ml.null }
end

t.it("records: fields in brackets, query encoded, a total", function(w)
  set(w)
  local answer = rows(1, 2)
  answer.totalCount = "12"
  w:http("GET", RS, { json = answer })
  t.eq(ask(w, "records").data.got, { ids = { "1", "2" }, total = 12 })
  local c = w:calls()[1]
  t.eq(c.query, { app = "1", query = 'name = "a b" limit 2', totalCount = "true",
                  ["fields[0]"] = "$id", ["fields[1]"] = "名前" })
  t.ok(c.url:find("fields%5B1%5D=%E5%90%8D%E5%89%8D", 1, true), c.url)
  t.eq(c.url:find(" ", 1, true), nil)
end)

t.it("all: page by page by id", function(w)
  set(w)
  w:http("GET", RS, { json = rows(1, 500), times = 1 })
  w:http("GET", RS, { json = rows(501, 1000), times = 1 })
  w:http("GET", RS, { json = rows(1001, 1007), times = 1 })
  t.eq(ask(w, "all").data.got, 1007)
  local asked = {}
  for i, c in ipairs(w:calls()) do
    asked[i] = c.query.query
    t.eq({ c.query["fields[0]"], c.query["fields[1]"], c.query["fields[2]"] }, { "$id", "name" })
  end
  t.eq(asked, { '(k in ("x")) and $id > 0 order by $id asc limit 500',
                '(k in ("x")) and $id > 500 order by $id asc limit 500',
                '(k in ("x")) and $id > 1000 order by $id asc limit 500' })
end)

t.it("all: no condition, an empty app", function(w)
  set(w)
  w:http("GET", RS, { json = rows(1, 0) })
  t.eq(ask(w, "all_of_it").data.got, 0)
  t.eq(w:calls()[1].query.query, "$id > 0 order by $id asc limit 500")
end)

-- ---- writes ----

t.it("add: an empty value goes as null", function(w)
  set(w)
  w:http("POST", R, { json = { id = "7", revision = "1" } })
  t.eq(ask(w, "add").data.got, { "7", "1" })
  t.eq(w:calls()[1].json, { app = "1", record = { name = { value = "A" }, note = { value = ml.null },
                                                  gone = { value = ml.null } } })
end)

t.it("add unique: looks before it adds, and again after a lost answer", function(w)
  set(w)
  w:http("GET", RS, { json = rows(1, 0), times = 1 })
  w:http("POST", R, { fail = { "nothing" } })
  w:http("GET", RS, { json = { records = { { ["$id"] = { value = "7" }, ["$revision"] = { value = "1" } } } } })
  local p = ask(w, "add_unique")
  t.eq(p:activity("call").status, "Waiting")
  w:pass("1m")
  t.eq(p.data.got, { "7", "1" })
  t.eq(#w:calls("POST"), 1)
  t.eq(w:calls()[1].query.query, [[k_id = "C-\"7\"" limit 1]])
  broke(ask(w, "add_nothing_unique"), "the record has no 'k_id'")
end)

t.it("add_all and delete go in pieces of 100", function(w)
  set(w)
  local ids, more = {}, {}
  for i = 1, 100 do ids[i] = tostring(i) end
  for i = 1, 50 do more[i] = tostring(100 + i) end
  w:http("POST", RS, { json = { ids = ids, revisions = ids }, times = 1 })
  w:http("POST", RS, { json = { ids = more, revisions = more }, times = 1 })
  t.eq(ask(w, "add_all").data.got, 150)
  t.eq(#w:calls()[1].json.records, 100)
  t.eq(#w:calls()[2].json.records, 50)
  t.eq(w:calls()[2].json.records[1], { n = { value = 101 } })
  w:http("DELETE", RS, { json = {} })
  t.eq(ask(w, "delete").data.got, true)
  local gone = w:calls("DELETE")
  t.eq(#gone, 2)
  t.eq({ gone[1].query["ids[0]"], gone[1].query["ids[99]"], gone[2].query["ids[0]"] }, { "1", "100", "101" })
end)

t.it("update: the revision that was read", function(w)
  set(w)
  w:http("GET", R, { json = RECORD })
  w:http("PUT", R, { json = { revision = "4" } })
  t.eq(ask(w, "update").data.got, "4")
  t.eq(w:calls("PUT")[1].json.revision, "3")
end)

t.it("update: a 409, and our values in kintone's own spelling", function(w)
  set(w)
  w:http("GET", R, { json = RECORD, times = 1 })
  w:http("PUT", R, refusal(409, "GAIA_CO02"))
  local now = { record = {} }
  for k, v in pairs(RECORD.record) do now.record[k] = v end
  now.record.name, now.record["$revision"] = { value = "B" }, { value = "5" }
  w:http("GET", R, { json = now })
  t.eq(ask(w, "update").data.got, "5")
  t.eq(#w:calls("PUT"), 1)
end)

t.it("update: 1 to 7 fields, and only codes that are there", function(w)
  set(w)
  w:http("GET", R, { json = RECORD })
  broke(ask(w, "update_none"), "1 to 7 fields at once")
  broke(ask(w, "update_eight"), "1 to 7 fields at once")
  t.eq(#w:calls(), 0)
  broke(ask(w, "update_typo"), "the record has no field 'nmae'")
  t.eq(#w:calls("PUT"), 0)
end)

t.it("update: check can refuse", function(w)
  set(w)
  w:http("GET", R, { json = RECORD })
  local p = ask(w, "update_check")
  t.eq(p.run, "Failure")
  t.eq(p.message, "taken: A")
end)

t.it("update_by_key, comment, comments, fields", function(w)
  set(w)
  w:http("PUT", R, { json = { revision = "4" } })
  t.eq(ask(w, "update_by_key").data.got, "4")
  t.eq(w:calls("PUT")[1].json, { app = "1", updateKey = { field = "k_id", value = "7" },
                                 record = { name = { value = "B" } } })
  w:http("POST", "/k/v1/record/comment.json", { json = { id = "1" } })
  t.eq(ask(w, "comment").data.got, "1")
  t.eq(w:calls("POST")[1].json, { app = "1", record = "42", comment = { text = "出荷しました" } })
  w:http("GET", "/k/v1/record/comments.json", { json = { comments = { { id = "1", text = "hi " } }, older = false, newer = false } })
  t.eq(ask(w, "comments").data.got, "hi ")
  t.eq(w:calls("GET")[1].query, { app = "1", record = "42", order = "asc", limit = "5" })
  w:http("GET", "/k/v1/app/form/fields.json", { json = { properties = { name = { label = "Name" } }, revision = "4" } })
  t.eq(ask(w, "fields").data.got, "Name")
end)

-- ---- where and who ----

t.it("a guest space has its own path", function(w)
  set(w, { kintone_guest = 3 })
  w:http("GET", "/k/guest/3/v1/record.json", { json = RECORD })
  t.eq(ask(w, "get_integer").data.got, "A")
end)

t.it("basic authentication beside the token, another app, no token", function(w)
  set(w, { login = "p:ss" })
  w:http("GET", R, { json = RECORD })
  t.eq(ask(w, "basic").data.got, "A")
  local c = w:calls()[1]
  t.eq(c.headers.authorization, "Basic dXNlcjpwOnNz")
  t.eq(c.headers["x-cybozu-api-token"], "T1")
  ask(w, "other")
  c = w:calls()[2]
  t.eq({ c.query.app, c.headers["x-cybozu-api-token"] }, { "9", "T9" })
  w:settings { kintone_token = ml.null }
  ask(w, "no_token")
  t.eq(w:calls()[3].headers["x-cybozu-api-token"], nil)
end)

-- ---- refusals ----

t.it("a refusal names status, code and fields", function(w)
  set(w)
  w:http("GET", R, refusal(400, "CB_VA01", "bad", { ["record.k.value"] = { messages = { "not in options." } } }))
  broke(ask(w, "get"), "kintone refused GET record: 400 CB_VA01 bad (record.k.value: not in options.)")
  t.eq(ask(w, "try").data.got, { none = true, status = 400, code = "CB_VA01", id = "id-1", message = "bad",
                                 at = "not in options." })
end)

t.it("try gives nil and the refusal, everywhere", function(w)
  set(w)
  for _, at in ipairs { { "GET", RS }, { "POST", R }, { "POST", RS }, { "DELETE", RS }, { "GET", R }, { "PUT", R },
                        { "POST", "/k/v1/record/comment.json" }, { "GET", "/k/v1/record/comments.json" },
                        { "GET", "/k/v1/app/form/fields.json" } } do
    w:http(at[1], at[2], refusal(403, "GAIA_NO01"))
  end
  local got = ask(w, "try_all").data.got
  t.eq(#got, 10)
  for i, code in ipairs(got) do t.eq(code, "GAIA_NO01", i) end
end)

t.it("a failed bulk tells its failed part", function(w)
  set(w)
  w:http("POST", R, { status = 400, json = { results = { {}, { code = "GAIA_UN10", id = "e", message = "cannot update" }, {} } } })
  broke(ask(w, "add"), "400 GAIA_UN10 cannot update")
end)

t.it("a refusal without JSON is told by its status", function(w)
  set(w)
  w:http("GET", R, { status = 404, body = "<html>not found</html>", headers = { ["Content-Type"] = "text/html" } })
  broke(ask(w, "get"), "kintone refused GET record: 404 HTTP status 404 without a kintone error")
end)

t.it("Q6.3 a redirection is a refusal too", function(w)
  set(w)
  w:http("GET", R, { status = 302, headers = { Location = "https://elsewhere.example/" } })
  broke(ask(w, "get"), "kintone refused GET record: 302")
  t.eq(#w:calls(), 1)
end)

t.it("what may be repeated is: locks, too many, no answer", function(w)
  set(w)
  w:http("GET", R, { fail = { refusal(400, "GAIA_DA02"), refusal(520, "GAIA_RE18") }, then_json = RECORD })
  local p = ask(w, "get_integer")
  t.eq(p:activity("call").status, "Waiting")
  w:pass("2m")
  t.eq(p.data.got, "A")
  w:http("GET", RS, { fail = { refusal(429, "GAIA_TM12"), 503 }, then_json = rows(1, 3) })
  p = ask(w, "all_of_it")
  w:pass("2m")
  t.eq(p.data.got, 3)
end)

t.it("retries used up are a Failure with the last reason", function(w)
  set(w)
  w:http("GET", R, refusal(400, "GAIA_DA02", "locked"))
  local p = ask(w, "get")
  w:pass("1h")
  t.eq(p.run, "Failure")
  t.ok(p.message:find("not done after 3 attempts: kintone refused GET record: 400 GAIA_DA02 locked", 1, true), p.message)
end)

t.it("value and quote", function(w)
  set(w)
  local got = ask(w, "value").data.got
  t.eq({ got[1], got[2], got[3], got[4] }, { "x", true, true, false })
  t.ok(got[5]:find("the record has no field 'd'; it has a, b, c", 1, true), got[5])
  t.eq(ask(w, "quote").data.got, [["a \"b\" \\c"]])
end)
