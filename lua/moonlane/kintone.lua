-- moonlane.kintone: records of a kintone app, from activities and triggers.
--
--   local kintone = require "moonlane.kintone"
--   local app = kintone.app(ctx)            -- by the settings kintone_url,
--                                              kintone_app, kintone_token
--   local rec = app:get("42")               -- { code = { type =, value = }, ... }
--   app:update("42", { k_status = "done" })
--
-- A refusal raises, naming status, code and field; kintone.try.app(ctx) has the
-- same methods, which give nil and { status, code, message, errors, id }.
-- What may be repeated is repeated by the activity's own `retry`: no answer,
-- 429, 502, 503, 504, and the codes GAIA_DA02, GAIA_RE18 (a lock was not had) and
-- GAIA_TM12.  A POST whose answer was lost may have been done, and kintone has no
-- idempotency key: add{..., unique = CODE} looks before it repeats.
local ml = require "moonlane"
local time = require "moonlane.time"

local kintone = {}
local null = ml.null

local PAGE <const> = 500             -- records a GET may bring
local WRITE <const> = 100            -- records a POST, PUT, DELETE may take
local CONFLICTS <const> = 5          -- times an update reads again after a 409

local AGAIN <const> = { GAIA_DA02 = true, GAIA_RE18 = true, GAIA_TM12 = true }

-- ---- where an app is ----

local App = {}
App.__index = App

local function id_text(v, what)
  local s = math.type(v) == "integer" and tostring(v) or v
  if type(s) ~= "string" or not s:find "^[1-9][0-9]*$" then
    error(("%s must be a number like 42, not %s"):format(what, tostring(v)), 3)
  end
  return s
end

-- opts: url, app, token, guest (space), basic ({user, password}), quiet
local function open(ctx, opts)
  opts = opts or {}
  local set = ctx.settings
  local self = setmetatable({}, App)
  self.ctx = ctx
  self.url = opts.url or set.kintone_url
  self.id = opts.app or set.kintone_app
  self.token = opts.token or set.kintone_token
  self.guest = opts.guest or set.kintone_guest
  self.basic = opts.basic
  self.quiet = opts.quiet
  if self.url == nil or self.id == nil then
    error("kintone.app needs the settings kintone_url and kintone_app, or url and app", 2)
  end
  self.id = id_text(self.id, "the app")
  self.url = tostring(self.url):gsub("/+$", "")
  return self
end

function kintone.app(ctx, opts) return open(ctx, opts) end

kintone.try = {}
function kintone.try.app(ctx, opts)
  local copy = { quiet = true }
  for k, v in pairs(opts or {}) do copy[k] = v end
  return open(ctx, copy)
end

-- ---- one call ----

local function path(app, name)
  if app.guest ~= nil then
    return ("%s/k/guest/%s/v1/%s.json"):format(app.url, tostring(app.guest), name)
  end
  return ("%s/k/v1/%s.json"):format(app.url, name)
end

-- What kintone said when it refused: code, message and the fields named.
local function refusal(answer)
  local ok, body = pcall(function() return answer.json end)
  local err = { status = answer.status }
  if ok and type(body) == "table" then
    if type(body.results) == "table" then
      for i, part in ipairs(body.results) do
        if type(part) == "table" and part.code then body = part; err.part = i end
      end
    end
    err.code, err.message, err.id = body.code, body.message, body.id
    err.errors = type(body.errors) == "table" and body.errors or nil
  end
  err.message = err.message or ("HTTP status %d without a kintone error"):format(answer.status)
  return err
end

local function sentence(what, err)
  local fields = {}
  for place, e in pairs(err.errors or {}) do
    local list = type(e) == "table" and e.messages or {}
    fields[#fields + 1] = place .. ": " .. table.concat(list, " ")
  end
  return ("kintone refused %s: %s%s%s%s"):format(what,
    err.status, err.code and " " .. err.code or "", " " .. err.message,
    #fields > 0 and " (" .. table.concat(fields, "; ") .. ")" or "")
end

local function refuse(app, what, err)
  if app.quiet then return nil, err end
  error(sentence(what, err), 0)
end

local verbs = { GET = "get", POST = "post", PUT = "put", DELETE = "delete" }

-- opts: query, json, keep.  Gives the answer's table, or nil and the refusal.
local function call(app, method, name, opts)
  local headers = {}
  if app.token ~= nil then headers["X-Cybozu-API-Token"] = app.token end
  local answer = app.ctx.http[verbs[method]](path(app, name), {
    headers = headers, query = opts.query, json = opts.json, keep = opts.keep,
    auth = app.basic, accept = { 520 },
  })
  if answer.status >= 200 and answer.status < 300 then
    local body = answer.json
    if type(body) ~= "table" then
      error(("kintone answered %s %s with something that is no JSON object"):format(method, name), 0)
    end
    return body
  end
  local err = refusal(answer)
  if err.code and AGAIN[err.code] then
    app.ctx:retry(sentence(method .. " " .. name, err))
  end
  return nil, err
end

local function checked(app, method, name, opts)
  local body, err = call(app, method, name, opts)
  if body == nil then return refuse(app, method .. " " .. name, err) end
  return body
end

-- A list as GET takes it: fields[0]=a&fields[1]=b.
local function listed(query, name, list)
  for i, v in ipairs(list or {}) do query[("%s[%d]"):format(name, i - 1)] = tostring(v) end
  return query
end

-- ---- values ----

-- { code = value } as kintone takes it; nil cannot be in a table: use ml.null.
local function wire(fields)
  local out = {}
  for code, v in pairs(fields) do
    if v == "" then v = null end
    out[code] = { value = v }
  end
  return out
end

-- A field's value of a record; nil for null and "".  A code that is not there
-- raises: kintone ignores unknown codes silently, we do not.
function kintone.value(record, code)
  local cell = record[code]
  if cell == nil then
    local known = {}
    for k in pairs(record) do known[#known + 1] = k end
    error(("the record has no field '%s'; it has %s"):format(code, table.concat(known, ", ")), 2)
  end
  if cell.value == null or cell.value == "" then return nil end
  return cell.value
end

-- A text as it stands in a query: in double quotes, escaped.
function kintone.quote(s)
  return '"' .. tostring(s):gsub('[\\"]', "\\%0") .. '"'
end

-- ---- records ----

function App:get(id, opts)
  local body, err = checked(self, "GET", "record",
    { query = { app = self.id, id = id_text(id, "the record id") }, keep = opts and opts.keep })
  if body == nil then return nil, err end
  return body.record
end

-- Read at most 7 fields into items: pairs is { {code, item}, ... } (Q6.3).
function App:read(id, pairs_)
  if #pairs_ == 0 then error("kintone read: no pair of field and item is set", 2) end
  if #pairs_ > 7 then error("kintone read: at most 7 pairs of field and item", 2) end
  local seen = {}
  for i, pair in ipairs(pairs_) do
    if pair[1] == nil or pair[1] == "" or pair[2] == nil or pair[2] == "" then
      error(("kintone read: pair %d has an empty half"):format(i), 2)
    end
    if seen[pair[2]] then error(("kintone read: item '%s' is used twice"):format(pair[2]), 2) end
    seen[pair[2]] = true
  end
  local record, err = self:get(id)
  if record == nil then return nil, err end
  local out = {}
  for _, pair in ipairs(pairs_) do
    local v = kintone.value(record, pair[1])
    if v ~= nil and type(v) ~= "string" then
      error(("kintone read: field '%s' is neither a text nor null"):format(pair[1]), 2)
    end
    out[pair[2]] = v
  end
  return out, record
end

-- opts: query, fields, total
function App:records(opts)
  opts = opts or {}
  local query = listed({ app = self.id, query = opts.query, totalCount = opts.total and "true" or nil },
                       "fields", opts.fields)
  local body, err = checked(self, "GET", "records", { query = query })
  if body == nil then return nil, err end
  return body.records, body.totalCount ~= null and math.tointeger(tonumber(body.totalCount)) or nil
end

-- All records that match, page by page by their id; no `order by` in query.
function App:all(opts)
  opts = opts or {}
  local fields
  if opts.fields then
    fields = { "$id" }
    for _, f in ipairs(opts.fields) do
      if f ~= "$id" then fields[#fields + 1] = f end
    end
  end
  local out, last = {}, 0
  while true do
    local cond = opts.query and opts.query ~= "" and "(" .. opts.query .. ") and " or ""
    local page, err = self:records {
      query = ("%s$id > %d order by $id asc limit %d"):format(cond, last, PAGE), fields = fields }
    if page == nil then return nil, err end
    for _, r in ipairs(page) do out[#out + 1] = r end
    if #page < PAGE then return out end
    last = math.tointeger(tonumber(page[#page]["$id"].value))
  end
end

-- Add a record: its id and revision.  opts.unique: the code of a field without
-- duplicates, looked for first when an earlier try may have been done.
function App:add(fields, opts)
  opts = opts or {}
  if opts.unique then
    local v = fields[opts.unique]
    if v == nil then error(("kintone add: the record has no '%s'"):format(opts.unique), 2) end
    local found, err = self:records {
      query = ("%s = %s limit 1"):format(opts.unique, kintone.quote(v)), fields = { "$id", "$revision" } }
    if found == nil then return nil, err end
    if found[1] then return found[1]["$id"].value, found[1]["$revision"].value end
  end
  local body, err = checked(self, "POST", "record", { json = { app = self.id, record = wire(fields) } })
  if body == nil then return nil, err end
  return body.id, body.revision
end

-- Lists in pieces of 100; each piece is all or nothing.
local function pieces(list)
  local i = 1 - WRITE
  return function()
    i = i + WRITE
    if i <= #list then return table.move(list, i, math.min(i + WRITE - 1, #list), 1, {}) end
  end
end

function App:add_all(list)
  local ids = {}
  for piece in pieces(list) do
    local records = {}
    for i, fields in ipairs(piece) do records[i] = wire(fields) end
    local body, err = checked(self, "POST", "records", { json = { app = self.id, records = ml.array(records) } })
    if body == nil then return nil, err end
    for _, id in ipairs(body.ids) do ids[#ids + 1] = id end
  end
  return ids
end

function App:delete(ids)
  for piece in pieces(ids) do
    for i, id in ipairs(piece) do piece[i] = id_text(id, "a record id") end
    local body, err = checked(self, "DELETE", "records", { query = listed({ app = self.id }, "ids", piece) })
    if body == nil then return nil, err end
  end
  return true
end

local function moment(s)
  local ok, ms = pcall(time.parse, s)
  return ok and ms or nil
end

-- The same value to kintone: it normalises numbers and writes moments in UTC.
local function same(have, want)
  if want == nil or want == null or want == "" then return have == nil end
  if have == nil then return false end
  if have == want or tostring(have) == tostring(want) then return true end
  local a, b = tonumber(have), tonumber(want)
  if a and b and a == b then return true end
  if type(have) == "string" and type(want) == "string" then
    local at = moment(have)
    return at ~= nil and at == moment(want)
  end
  return false
end

local function all_ours(record, fields)
  for code, want in pairs(fields) do
    if not same(kintone.value(record, code), want) then return false end
  end
  return true
end

-- Change fields of a record.  The record is read, and the PUT carries the
-- revision that was read: after a crash, or when the answer was lost, the very
-- same request goes out again, and what is there already is told by a 409.
-- Then: our values are there: done; opts.check(record) gives a reason: Failure;
-- else once more with the new revision.
function App:update(id, fields, opts)
  opts = opts or {}
  id = id_text(id, "the record id")
  local count = 0
  for _ in pairs(fields) do count = count + 1 end
  if count == 0 or count > 7 then error("kintone update: 1 to 7 fields at once", 2) end
  local err
  for try = 0, CONFLICTS do
    local record
    record, err = self:get(id, { keep = true })
    if record == nil then return nil, err end
    for code in pairs(fields) do
      if record[code] == nil then kintone.value(record, code) end
    end
    if try > 0 and all_ours(record, fields) then return record["$revision"].value end
    local reason = opts.check and opts.check(record)
    if reason then self.ctx:fail(reason) end
    local body
    body, err = call(self, "PUT", "record", {
      json = { app = self.id, id = id, revision = record["$revision"].value, record = wire(fields) } })
    if body then return body.revision end
    if err.status ~= 409 then break end
  end
  return refuse(self, "PUT record", err)
end

-- Change the record whose unique field has that value.
function App:update_by_key(code, value, fields)
  local body, err = checked(self, "PUT", "record", {
    json = { app = self.id, updateKey = { field = code, value = tostring(value) }, record = wire(fields) } })
  if body == nil then return nil, err end
  return body.revision
end

function App:comment(id, text)
  local body, err = checked(self, "POST", "record/comment",
    { json = { app = self.id, record = id_text(id, "the record id"), comment = { text = text } } })
  if body == nil then return nil, err end
  return body.id
end

function App:comments(id, opts)
  opts = opts or {}
  local body, err = checked(self, "GET", "record/comments", { query = {
    app = self.id, record = id_text(id, "the record id"), order = opts.order,
    offset = opts.offset, limit = opts.limit } })
  if body == nil then return nil, err end
  return body.comments
end

-- Form of the app: code -> { type, label, options, ... }.
function App:fields()
  local body, err = checked(self, "GET", "app/form/fields", { query = { app = self.id } })
  if body == nil then return nil, err end
  return body.properties
end

-- ---- starts ----

local function text_of(v, settings)
  if type(v) == "function" then return v(settings) end
  return v
end

-- id and time of a row: a record that is changed again can start again; two
-- changes in one minute are one (kintone cuts seconds).
local function identity(app, row, stamp)
  local ms = time.parse(kintone.value(row, stamp))
  return ("kintone:%s:%s_%d"):format(app.id, row["$id"].value, ms), ms
end

local function transaction(app, row, o, stamp)
  local who, ms = identity(app, row, stamp)
  local data = { [o.into] = row["$id"].value }
  if o.into_time then data[o.into_time] = ms end
  return { identity = who, data = data, at = ms }
end

local last_poll      -- what a webhook without a query of its own looks at

-- { name, every=, query=, stamp=, into=, into_time= }: start a process for every
-- record that matches and was touched.  The lower bound is the latest time seen
-- on a row; rows at the bound are asked again, for more may come in that minute.
function kintone.poll(o)
  last_poll = o
  return { kind = "poll", name = o[1], every = o.every, into = o.into,
    run = function(ctx, state)
      local app = kintone.app(ctx, o.app)
      local query, stamp = text_of(o.query, ctx.settings), text_of(o.stamp, ctx.settings)
      local bound = type(state) == "table" and state.bound or nil
      local seen = {}
      for _, who in ipairs(type(state) == "table" and state.seen or {}) do seen[who] = true end
      local cond = "(" .. query .. ")"
      if bound then cond = ("%s and %s >= %s"):format(cond, stamp, kintone.quote(bound)) end
      local rows = app:all { query = ("%s and %s <= NOW()"):format(cond, stamp),
                             fields = { "$id", stamp } }
      local list, top = {}, bound and time.parse(bound) or nil
      for _, row in ipairs(rows) do
        local tx = transaction(app, row, o, stamp)
        if not seen[tx.identity] then list[#list + 1] = tx end
        if top == nil or tx.at > top then top = tx.at end
      end
      local at_bound = {}
      for _, row in ipairs(rows) do
        local who, ms = identity(app, row, stamp)
        if ms == top then at_bound[#at_bound + 1] = who end
      end
      if bound and top == time.parse(bound) then
        local have = {}
        for _, who in ipairs(at_bound) do have[who] = true end
        for who in pairs(seen) do
          if not have[who] then at_bound[#at_bound + 1] = who end
        end
      end
      table.sort(list, function(a, b)
        if a.at ~= b.at then return a.at < b.at end
        return a.identity < b.identity
      end)
      return { state = top and { bound = time.print(top), seen = ml.array(at_bound) } or nil,
               transactions = ml.array(list) }
    end }
end

-- { name, into=, query=, stamp= }: a kintone webhook.  What it says is only a
-- hint: the record is read again, and the poll's identity is used, so a change
-- starts one process, whichever of the two comes first.
function kintone.webhook(o)
  local from = last_poll or {}
  local query, stamp = o.query or from.query, o.stamp or from.stamp
  local into = { into = o.into, into_time = o.into_time or from.into_time }
  return { kind = "webhook", name = o[1], into = o.into,
    receive = function(ctx, request)
      local app = kintone.app(ctx, o.app)
      local note = request.json
      if type(note) ~= "table" or (note.type ~= "ADD_RECORD" and note.type ~= "UPDATE_RECORD") then
        return { transactions = ml.array {} }
      end
      local about = type(note.app) == "table" and tostring(note.app.id) or ""
      local cell = type(note.record) == "table" and note.record["$id"]
      local id = type(cell) == "table" and cell.value
      if about ~= app.id or type(id) ~= "string" or not id:find "^[1-9][0-9]*$" then
        return { transactions = ml.array {} }
      end
      local at = text_of(stamp, ctx.settings)
      local cond = text_of(query, ctx.settings)
      local rows = app:records {
        query = ("%s$id = %s limit 1"):format(cond and "(" .. cond .. ") and " or "", id),
        fields = { "$id", at } }
      local list = {}
      if rows[1] then list[1] = transaction(app, rows[1], into, at) end
      return { transactions = ml.array(list) }
    end }
end

return kintone
