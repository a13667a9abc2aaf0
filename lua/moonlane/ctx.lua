-- ctx: what an activity, a trigger or a `try` file is given.
--
-- Everything durable goes through host.call: the journal has the answer, or
-- the slice ends there and is run again from its start when the answer has come.
-- host.* is written in C (src/script/bind_*.c); scripts never see it.
local host = require "moonlane.host"

local null = host.null
local raise = host.raise            -- with the place in the author's file
local S = {}                        -- what this slice rests on; see M.begin
local members = {}                  -- ctx.data, ctx.settings, ctx.process, ctx.key
local self_meta = { __metatable = false, __name = "ctx" }
local self = setmetatable({}, self_meta)   -- ctx

-- ---- secrets: handles that print as [secret NAME] ----

local wire = {}                     -- handle -> text with "\1secret:NAME\1"
local secret_meta = { __metatable = false, __name = "secret" }

local function handle(text)
  local h = setmetatable({}, secret_meta)
  wire[h] = text
  return h
end

function secret_meta.__tostring(h)
  return (wire[h]:gsub("\1secret:([^\1]*)\1", "[secret %1]"))
end

function secret_meta.__concat(a, b)
  local function part(v)
    if wire[v] then return wire[v] end
    if type(v) == "string" or type(v) == "number" then return tostring(v) end
    raise("attempt to join a secret and a " .. type(v))
  end
  return handle(part(a) .. part(b))
end

function secret_meta.__index()
  raise "a secret has no members; it can only be sent"
end
secret_meta.__newindex = secret_meta.__index

-- A text as it goes out: a string, a number, true or false, a handle.
local function sendable(v, what)
  if wire[v] then return wire[v], true end
  if type(v) == "string" then return v end
  if type(v) == "number" or type(v) == "boolean" then return tostring(v) end
  raise(what .. " must be a text or a number, not a " .. type(v))
end

-- A copy of a body with its handles replaced.  Tables without any stay.
local function reveal(v, depth)
  if wire[v] then return wire[v], true end
  if type(v) ~= "table" or depth > 64 then return v end
  local copy, changed = {}, false
  for k, item in pairs(v) do
    local new, is = reveal(item, depth + 1)
    copy[k] = new
    changed = changed or is
  end
  if changed and host.is_array(v) then host.array(copy) end
  return changed and copy or v, changed
end

local function body_json(v)
  local plain, changed = reveal(v, 1)
  local text = host.encode(plain, "json")
  if changed then
    text = text:gsub("\\u0001(secret:[^\\]*)\\u0001", "\1%1\1")
  end
  return text
end

-- ---- small checks ----

local function method(f, name)
  return host.anchor(function(this, ...)
    if this ~= self then
      raise(("write ctx:%s(...), with a colon"):format(name))
    end
    return f(...)
  end)
end

local function text(v, what)
  if type(v) == "string" then return v end
  raise(what .. " must be a text, not " .. (v == nil and "nil" or "a " .. type(v)))
end

local function duration(v, what)
  if math.type(v) == "integer" and v >= 0 then return v end
  if type(v) ~= "string" then
    raise(what .. ' must be a duration like "30s"')
  end
  local ms, why = host.duration(v)
  return ms or raise(what .. ": " .. why)
end

local function known(opts, what, names)
  if opts == nil then return {} end
  if type(opts) ~= "table" or wire[opts] then raise(what .. " must be a table") end
  for k in pairs(opts) do
    if not names[k] then
      local list = {}
      for name in pairs(names) do list[#list + 1] = name end
      raise(("%s: there is no '%s'; there are %s"):format(what, tostring(k),
            table.concat(list, ", ")))
    end
  end
  return opts
end

-- Is this call one that the slice may make?
local function allowed(name, kind)
  if S.only and not S.only[kind] then
    raise(("%s cannot be called in %s"):format(name, S.where))
  end
end

local function durable(name, kind, want, hashed)
  allowed(name, kind)
  return host.decode(host.call(kind, nil, host.encode(want, name), hashed))
end

-- ---- ctx.http ----

local http = {}
local http_opts = { query = 1, headers = 1, json = 1, form = 1, body = 1, timeout = 1,
                    raw = 1, keep = 1, name = 1, auth = 1, accept = 1 }

-- k=v&k=v in the order of pairs; handles stay as they are, for the core's
-- client to encode.
local function pairs_text(t, what)
  if type(t) ~= "table" or wire[t] then raise(what .. " must be a table") end
  local out = {}
  local function add(k, v)
    local s, secret = sendable(v, what .. "." .. k)
    out[#out + 1] = host.url(k) .. "=" .. (secret and s or host.url(s))
  end
  for k, v in pairs(t) do
    k = text(k, "a key of " .. what)
    if type(v) == "table" and not wire[v] then
      for _, item in ipairs(v) do add(k, item) end
    elseif v ~= null then
      add(k, v)
    end
  end
  return table.concat(out, "&")
end

local function target(url, query)
  if wire[url] then raise "a URL cannot be a secret" end
  url = text(url, "the URL")
  local place = url:match "^https?://([^/?#]+)"
  if not place or place:find("@", 1, true) or url:find "[%c%s#]" then
    raise("the URL must begin with http:// or https://, name a host without a user, "
          .. "and hold no blanks and no '#': " .. host.excerpt(url))
  end
  if query == nil then return url end
  local q = pairs_text(query, "query")
  if q == "" then return url end
  return url .. (url:find("?", 1, true) and "&" or "?") .. q
end

local function header_list(headers)
  local out, seen = {}, {}
  for k, v in pairs(headers or {}) do
    local name = text(k, "a header's name")
    local value = sendable(v, "header " .. name)
    if not name:find "^[%w!#$%%&'*+%-.^_`|~]+$" then
      raise("'" .. host.excerpt(name) .. "' is not a header name")
    end
    if value:find "[\r\n\0]" then raise("header " .. name .. " holds a line break") end
    if seen[name:lower()] then raise("header " .. name .. " is given twice") end
    seen[name:lower()] = true
    out[#out + 1] = { name, value }
  end
  return out, seen
end

local function body_of(opts, out, seen)
  local body, kind
  local n = (opts.json ~= nil and 1 or 0) + (opts.form ~= nil and 1 or 0)
            + (opts.body ~= nil and 1 or 0)
  if n == 0 then return nil end
  if n > 1 then raise "give one of json, form and body" end
  if opts.json ~= nil then
    body, kind = body_json(opts.json), "application/json"
  elseif opts.form ~= nil then
    body, kind = pairs_text(opts.form, "form"), "application/x-www-form-urlencoded"
  else
    body = sendable(opts.body, "body")
  end
  if kind and not seen["content-type"] then
    out[#out + 1] = { "Content-Type", kind }
  end
  return body
end

local function authorize(auth, want, seen)
  if auth == nil then return end
  if type(auth) ~= "table" or wire[auth] then raise "auth must be { user, password }" end
  if seen["authorization"] then raise "give auth or the header Authorization" end
  local user, s1 = sendable(auth[1], "auth[1]")
  local pass, s2 = sendable(auth[2], "auth[2]")
  if user:find(":", 1, true) then raise "the user in auth cannot hold a colon" end
  if s1 or s2 then
    want.auth = { user, pass }      -- the core's client makes the header
  else
    want.headers[#want.headers + 1] =
      { "Authorization", "Basic " .. host.base64(user .. ":" .. pass) }
  end
end

local answer_meta = { __metatable = false, __name = "answer" }

function answer_meta.__index(a, key)
  if key ~= "json" then return nil end
  local call, body = answer_meta.of[a], rawget(a, "body")
  if body == nil or body == "" then return nil end
  local v, why = host.try_decode(body)
  if why then raise(("%s: the answer is not JSON: %s"):format(call, why)) end
  rawset(a, "json", v)
  return v
end
answer_meta.of = {}

local function answer_of(j, call)
  if type(j) ~= "table" then j = {} end
  local a = { status = j.status ~= null and j.status or nil,
              body = j.body ~= null and j.body or nil, headers = {},
              error = j.error ~= null and j.error or nil }
  for k, v in pairs(j.headers or {}) do
    if type(v) == "table" then k, v = v[1], v[2] end
    k = k:lower()
    a.headers[k] = a.headers[k] and a.headers[k] .. ", " .. v or v
  end
  answer_meta.of[a] = call
  return setmetatable(a, answer_meta)
end

-- What of a request makes it the same request.
local function essence(want)
  local heads = {}
  for i, h in ipairs(want.headers) do heads[i] = h[1]:lower() .. ": " .. h[2] end
  table.sort(heads)
  return table.concat({ want.method, want.url, table.concat(heads, "\n"),
                        want.auth and table.concat(want.auth, ":") or "",
                        want.body or "" }, "\n")
end

local function request(verb)
  local kind, shown = verb:lower(), "ctx.http." .. verb:lower()
  return host.anchor(function(url, opts)
    if url == http then raise(("write %s(url), with a dot"):format(shown)) end
    allowed(shown, kind)
    opts = known(opts, shown, http_opts)
    local want = { method = verb, url = target(url, opts.query) }
    local seen
    want.headers, seen = header_list(opts.headers)
    want.body = body_of(opts, want.headers, seen)
    authorize(opts.auth, want, seen)
    want.timeout_ms = opts.timeout ~= nil and duration(opts.timeout, "timeout") or nil
    want.raw = opts.raw and true or nil
    want.keep = opts.keep and true or nil
    if opts.accept ~= nil then           -- a status of 500 or more to be given back
      if type(opts.accept) ~= "table" or math.type(opts.accept[1]) ~= "integer" then
        raise "accept must be a list with one status, { 520 }"
      end
      want.accept = host.array { opts.accept[1] }
    end
    if opts.name ~= nil then text(opts.name, "name") end
    local hashed = essence(want)
    want.headers = host.array(want.headers)
    local got, call = host.call(kind, opts.name, host.encode(want, shown), hashed,
                                verb .. " " .. want.url)
    return answer_of(host.decode(got), call)
  end)
end

for _, verb in ipairs { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" } do
  http[verb:lower()] = request(verb)
end

-- ---- ctx.data ----

local texts = { string = 1, text = 1, email = 1, url = 1, phone = 1, user = 1, date = 1,
                time = 1, select = 1, stringId = 1, name = 1, photo = 1, audio = 1, stringEnum = 1 }

local function choice(field, v)
  for _, c in ipairs(field.of or {}) do
    if (type(c) == "table" and (c[1] or c.id) or c) == v then return true end
  end
  return false
end

local function bad(field, allowed_)
  raise(("field '%s': %s"):format(field[1], allowed_))
end

local checks = {
  integer = function(f, v)
    if math.type(v) == "integer" then return v end
    return math.type(v) == "float" and math.tointeger(v)
           or bad(f, "an integer is wanted, not " .. host.show(v))
  end,
  number = function(f, v)
    return type(v) == "number" and v or bad(f, "a number is wanted, not " .. host.show(v))
  end,
  decimal = function(f, v)
    return (type(v) == "number" or type(v) == "string") and v
           or bad(f, "a number or a text of digits is wanted, not " .. host.show(v))
  end,
  boolean = function(f, v)
    if type(v) == "boolean" then return v end
    bad(f, "true or false is wanted, not " .. host.show(v))
  end,
  multi = function(f, v)
    if type(v) ~= "table" then
      bad(f, "a list of choices is wanted, not " .. host.show(v))
    end
    for _, c in ipairs(v) do
      if not choice(f, c) then bad(f, host.show(c) .. " is none of its choices") end
    end
    return v
  end,
  datetime = function(f, v)
    if math.type(v) == "integer" then return v end
    if math.type(v) == "float" and math.tointeger(v) then return math.tointeger(v) end
    if type(v) ~= "string" then
      bad(f, "milliseconds or a text like 2026-03-01T09:30:00Z is wanted, not "
             .. host.show(v))
    end
    local ms, why = host.moment(v)
    return ms or bad(f, why)
  end,
  json = function(_, v) return v end,
}
checks.float, checks.integerId, checks.multiStringEnum = checks.number, checks.integer, checks.multi

-- The value as it is kept, nil for "no value".  Raises with the field's name.
local function checked(field, v)
  local kind = field[2]
  if v == nil or v == null then return nil end
  if wire[v] then bad(field, "a secret cannot be stored") end
  if kind == "json" or kind == nil then return v end
  if v == "" and (texts[kind] or kind == "datetime") then return nil end
  if texts[kind] then
    if type(v) ~= "string" then bad(field, "a text is wanted, not " .. host.show(v)) end
    if (kind == "select" or kind == "stringEnum") and not choice(field, v) then
      bad(field, host.show(field.sealed and "..." or v) .. " is none of its choices")
    end
    return v
  end
  local check = checks[kind]
  return check and check(field, v) or v
end

local function field_of(id)
  if S.fields == nil then return { id } end
  return S.fields[id] or raise(("there is no field '%s'"):format(
    type(id) == "string" and host.excerpt(id) or host.show(id)))
end

-- What ctx.data shows: the snapshot with what was assigned, decoded when it is
-- first asked for.  From then on the proxy reads it without a call.
local data_meta = { __metatable = false, __name = "data" }
local view_meta = {}

local function view()
  local v = S.view
  if v == nil then
    local text = S.data_text or "{}"
    v = host.decode(text)
    if text:find("null", 1, true) then
      for k, item in pairs(v) do
        if item == null then v[k] = nil end
      end
    end
    S.view = setmetatable(v, view_meta)
    data_meta.__index = v
  end
  return v
end

local function write(id, value)
  rawset(view(), id, value)
  host.set(id, value == nil and "null" or host.encode(value, "field '" .. id .. "'"))
end

local function clear(data, id)
  if data ~= members.data then raise "write ctx.data:clear(id), with a colon" end
  field_of(id)
  write(id, nil)
  host.clear(id)
end

clear = host.anchor(clear)

-- No value: a field without one, or no field at all.
function view_meta.__index(_, id)
  if id == "clear" and not (S.fields and S.fields.clear) then return clear end
  field_of(id)
end

local function open_view(_, id) return view()[id] end

function data_meta.__newindex(_, id, v)
  local field = field_of(id)
  if S.read_only then raise(("ctx.data cannot be written in %s"):format(S.where)) end
  if field.derive then raise(("field '%s' is derived and cannot be written"):format(id)) end
  local value = checked(field, v)
  if value == nil and field.required then
    raise(("field '%s' is required; ctx.data:clear \"%s\" empties it"):format(id, id))
  end
  write(id, value)
end

function data_meta.__pairs()
  local all = {}
  for k, v in pairs(view()) do all[k] = v end
  return pairs(all)
end

-- ---- settings and process: read-only ----

local function read_only(what, get)
  return { __metatable = false, __name = what,
    __index = function(_, k) return get()[k] end,
    __newindex = function(_, k)
      raise(("%s.%s cannot be written"):format(what, tostring(k)))
    end,
    __pairs = function()
      local copy = {}
      for k, v in pairs(get()) do copy[k] = v end
      return pairs(copy)
    end }
end

local function open_settings(json)
  local all = host.decode(json or "{}")
  for k, v in pairs(all) do
    if type(v) == "table" and type(v["$secret"]) == "string" then
      all[k] = handle("\1secret:" .. v["$secret"] .. "\1")
    elseif v == null then
      all[k] = nil
    end
  end
  return all
end

members.data = setmetatable({}, data_meta)
members.settings = setmetatable({}, read_only("ctx.settings", function()
  if S.settings == nil then S.settings = open_settings(S.settings_text) end
  return S.settings
end))
members.process = setmetatable({}, read_only("ctx.process", function()
  if S.process == nil then
    S.process = host.decode(S.process_text or "{}")
    S.process.activity = S.activity or S.process.activity
  end
  return S.process
end))

-- ---- the methods ----

local ctx = { http = http }

local function step(name, f)
  text(name, "the step's name")
  if type(f) ~= "function" then raise "ctx:step(name, fn): fn must be a function" end
  allowed("ctx:step", "step")
  local call, got = host.note("step", name)
  if got then
    local v = host.decode(got)
    if type(v) == "table" and v["$step"] then
      host.skip_lines(v["$step"].lines)
      v = v.value
    end
    return v ~= null and v or nil
  end
  local before = host.step(true)
  local ok, v = pcall(f)
  local lines = host.step(false) - before
  if not ok then error(v, 0) end
  local plain = host.encode(v, "what step '" .. name .. "' returned")
  if lines > 0 or (type(v) == "table" and rawget(v, "$step") ~= nil) then
    plain = ('{"$step":{"lines":%d},"value":%s}'):format(lines, plain)
  end
  host.entry("step", call, plain)
  v = host.decode(plain)
  if type(v) == "table" and v["$step"] then v = v.value end
  return v ~= null and v or nil
end
ctx.step = method(step, "step")

-- now, uuid, random: chosen here, once, and then in the journal
local function chosen(name, kind, make)
  return method(function(...)
    allowed(name, kind)
    local call, got = host.note(kind, nil)
    if not got then
      got = host.encode(make(call, ...), name)
      host.entry(kind, call, got)
    end
    return host.decode(got)
  end, kind)
end
ctx.now = chosen("ctx:now", "now", function() return host.now() end)
ctx.uuid = chosen("ctx:uuid", "uuid", function(call) return host.uuid(call) end)
ctx.random = chosen("ctx:random", "random", function(call, lo, hi)
  local r = host.random(call)
  if lo == nil then return r end
  if hi == nil then lo, hi = 1, lo end
  if math.type(lo) ~= "integer" or math.type(hi) ~= "integer" or hi < lo
     or hi - lo < 0 then
    raise "ctx:random(m, n): two integers, the smaller first"
  end
  return math.min(hi, lo + math.floor(r * (hi - lo + 1.0)))
end)

ctx.sleep = method(function(time)
  durable("ctx:sleep", "sleep", { ms = duration(time, "ctx:sleep") })
end, "sleep")

ctx.await = method(function(signal, opts)
  opts = known(opts, "ctx:await", { within = 1 })
  local v = durable("ctx:await", "await", { signal = text(signal, "the signal"),
    within_ms = opts.within ~= nil and duration(opts.within, "within") or nil })
  return v ~= null and v or nil
end, "await")

-- A task as ml.task{...} or a plain table gives it, in the shape of model/flow.h.
local task_keys = { label = 1, title = 1, node = 1, lane = 1, show = 1, edit = 1, due = 1,
                    remind = 1, escalate = 1, anew = 1, exclude = 1, outcomes = 1,
                    link = 1, ["@kind"] = 1, ["@at"] = 1, [1] = 1 }

local outcome_keys = { [1] = 1, id = 1, need = 1, fails = 1, label = 1 }

local function outcome_of(o)
  if type(o) == "string" then return { id = o } end
  if type(o) ~= "table" then
    raise 'ctx:ask: an outcome is a text or { "id", en = ... }'
  end
  local label = {}
  for k, v in pairs(o) do
    if not outcome_keys[k] then label[k] = v end
  end
  return { id = o.id or o[1], need = o.need and host.array(o.need),
           fails = o.fails ~= nil and text(o.fails, "ctx:ask: fails, a field,") or nil,
           label = o.label or next(label) and label or nil }
end

local function task_of(t)
  local out = { kind = "task", label = t.label or t[1] }
  for k, v in pairs(known(t, "ctx:ask", task_keys)) do
    if type(k) == "string" and k:sub(1, 1) ~= "@" and k ~= "outcomes" then out[k] = v end
  end
  text(out.label, "the label of the task")
  if t.outcomes then
    out.outcomes = host.array()
    for i, o in ipairs(t.outcomes) do out.outcomes[i] = outcome_of(o) end
  end
  return out
end

-- Never back when the outcome was declared with `fails`: the activity ends as
-- with ctx:fail, for the reason that the person wrote into that field.
local function answered(task, v)
  for _, o in ipairs(task.outcomes or {}) do
    if o.id == v.outcome and o.fails then
      local why = v.data[o.fails]
      host.fail(type(why) == "string" and why ~= "" and why or o.id)
    end
  end
  return v
end

-- With `within` it gives nil when that time is over; the task stays open, and
-- the next ctx:ask of the activity goes on with it.
ctx.ask = method(function(task, opts)
  if type(task) ~= "table" or wire[task] then raise "ctx:ask{...}: a task is wanted" end
  opts = known(opts, "ctx:ask", { within = 1 })
  task = task_of(task)
  local v = durable("ctx:ask", "ask", { task = task,
    within_ms = opts.within ~= nil and duration(opts.within, "within") or nil })
  return v ~= null and answered(task, v) or nil
end, "ask")

local function launch(name)
  return method(function(workflow, data)
    local v = durable("ctx:" .. name, name,
      { workflow = text(workflow, "the workflow"), data = data or {} })
    return v ~= null and v or nil
  end, name)
end
ctx.call = launch "call"
ctx.start = launch "start"

-- A process at a partner's: { link=, person=, workflow=, state=, client_only=,
-- client=, fields={ ours = "key there" }, subject= }; gives its id there.  What it
-- refuses is an Error with its own reason.
local order_keys = { link = 1, person = 1, workflow = 1, state = 1, client_only = 1,
                     client = 1, fields = 1, subject = 1 }

local function client_of(v)
  if v == nil or v == false or v == true then return nil end
  if type(v) ~= "table" then raise "ctx:order: client is { name=, email=, phone= }" end
  local out = {}
  for _, k in ipairs { "name", "email", "phone" } do
    if v[k] ~= nil then out[k] = text(v[k], "the client's " .. k) end
  end
  return out
end

ctx.order = method(function(o)
  o = known(o, "ctx:order", order_keys)
  allowed("ctx:order", "post")
  local order = { workflow = text(o.workflow, "the workflow there"),
    person = text(o.person, "the address of the person there"),
    state = o.state ~= nil and text(o.state, "the state there") or nil,
    subject = o.subject ~= nil and text(o.subject, "the subject") or nil,
    client = client_of(o.client),
    client_only = o.client_only == true or nil }
  local map = {}
  for ours, theirs in pairs(o.fields or {}) do
    map[field_of(ours)[1]] = text(theirs, "the key there of field '" .. ours .. "'")
  end
  -- chosen once: every attempt sends the same; what changes meanwhile goes after it
  local values = step("order", function()
    local v = {}
    for ours, theirs in pairs(map) do v[theirs] = members.data[ours] end
    return v
  end)
  if next(values) ~= nil then order.fields = values end
  local want = { method = "POST", partner = text(o.link, "the link"), order = order,
                 map = next(map) ~= nil and map or nil }
  local plain = host.encode(want, "ctx:order")
  local got, call = host.call("post", "order", plain, plain, "partner " .. want.partner)
  local a = answer_of(host.decode(got), call)
  if a.status >= 300 then
    local ok, j = pcall(function() return a.json end)
    local why = ok and type(j) == "table" and (j.detail or j.title) or a.body
    raise(("partner '%s' refused it (%d): %s"):format(want.partner, a.status,
      tostring(why)))
  end
  return a.json.process
end, "order")

-- An event of our own, for the rules: its transaction's id comes back.
local function emit(type_, payload, opts)
  opts = known(opts, "ctx:emit", { tenant = 1 })
  if payload ~= nil and (type(payload) ~= "table" or wire[payload]) then
    raise "ctx:emit(type, data): the data must be a table"
  end
  return durable("ctx:emit", "emit", { type = text(type_, "the type"),
    data = payload or {}, tenant = opts.tenant ~= nil and text(opts.tenant, "tenant") or nil })
end
ctx.emit = method(emit, "emit")

local function held(name, f)
  return method(function(...)
    allowed("ctx:" .. name, name)
    return f(...)
  end, name)
end
ctx.subject = held("subject", function(s) host.subject(text(s, "the subject")) end)
ctx.state = held("state", function(s) host.state(text(s, "the state")) end)
ctx.assign = held("assign", function(user)
  host.assign(user == nil and "" or text(user, "the user"))
end)
ctx.comment = held("comment", function(s, opts)
  opts = known(opts, "ctx:comment", { visibility = 1 })
  local v = opts.visibility
  if v ~= nil and v ~= "private" and v ~= "client" and v ~= "shared" then
    raise 'visibility is "private", "client" or "shared"'
  end
  host.comment(text(s, "the comment"), v)
end)
ctx.log = method(function(...)
  local parts = table.pack(...)
  for i = 1, parts.n do parts[i] = tostring(parts[i]) end
  host.log(table.concat(parts, "\t", 1, parts.n))
end, "log")

ctx.fail = held("fail", function(reason) host.fail(text(reason, "the reason")) end)
ctx.retry = held("retry", function(reason, after)
  host.retry(text(reason, "the reason"),
             after ~= nil and duration(after, "ctx:retry, after") or -1)
end)

-- ctx:mail { to = "a@b.example" or a list, subject =, body = } or, filled into the
-- text setting of that name, { to =, template =, data = }.  It is in the journal
-- from here on, and leaves when that is on disk.
local mail_opts = { to = 1, subject = 1, body = 1, template = 1, data = 1, name = 1 }
local RECEIVERS <const>, MAILS <const> = 20, 100   -- of one mail; of one attempt

local function receivers(to)
  local list = host.array()
  if type(to) == "string" then to = { to } end
  if type(to) ~= "table" or wire[to] or #to == 0 then
    raise "ctx:mail: to must be a mail address, or a list of some"
  end
  if #to > RECEIVERS then raise(("ctx:mail: at most %d addresses"):format(RECEIVERS)) end
  for i, address in ipairs(to) do list[i] = text(address, "ctx:mail: to") end
  return list
end

ctx.mail = method(function(mail)
  allowed("ctx:mail", "mail")
  if type(mail) ~= "table" or wire[mail] then raise "ctx:mail{...}: a table is wanted" end
  known(mail, "ctx:mail", mail_opts)
  local want = { to = receivers(mail.to) }
  if mail.template ~= nil then
    if mail.subject ~= nil or mail.body ~= nil then
      raise "ctx:mail: give a template, or a subject and a body"
    end
    want.template, want.data = text(mail.template, "ctx:mail: template"), mail.data
  else
    want.subject = text(mail.subject, "ctx:mail: subject")
    want.body = text(mail.body, "ctx:mail: body")
  end
  if mail.name ~= nil then text(mail.name, "name") end
  S.mails = S.mails + 1
  if S.mails > MAILS then raise(("ctx:mail: more than %d mails in one attempt"):format(MAILS)) end
  local call, got = host.note("mail", mail.name)
  if not got then host.entry("mail", call, host.encode(want, "ctx:mail")) end
end, "mail")

-- A member without a call; else a method.
local others = { __index = function(_, k)
  return ctx[k] or raise(("there is no ctx.%s"):format(tostring(k)))
end }
self_meta.__index = setmetatable(members, others)

function self_meta.__newindex(_, k)
  raise(("ctx.%s cannot be written"):format(tostring(k)))
end

-- ---- the start of a slice ----

local M = { http = http, methods = ctx, emit = host.anchor(emit) }   -- in here, so that require freezes them

M.handle_of = function(v) return wire[v] end

-- Which durable calls and held-back things each kind of slice may use.
local read_kinds = { get = 1, head = 1, now = 1, uuid = 1, random = 1, log = 1, fail = 1,
                     retry = 1, subject = 1, state = 1, comment = 1, assign = 1 }
local every_kind = { get = 1, head = 1, post = 1, put = 1, patch = 1, delete = 1, now = 1,
                     uuid = 1, random = 1, log = 1, fail = 1, retry = 1 }

-- The fields by id, from the tables that ml.workflow was given.
function M.fields_of(flow)
  local all = {}
  for _, f in ipairs(flow.fields or {}) do
    if f[1] then all[f[1]] = f end
  end
  return all
end

-- The tables that every slice writes to, made anew with room for all that is
-- written: they then share a page of the image (src/script/region.h).
function M.settle()
  S = { fields = false, data_text = false, settings_text = false, process_text = false,
        activity = false, view = false, settings = false, process = false, mails = 0,
        only = false, where = false, read_only = false }
  data_meta = { __metatable = false, __name = "data", __index = open_view,
                __newindex = data_meta.__newindex, __pairs = data_meta.__pairs }
  members = setmetatable({ data = setmetatable({}, data_meta), key = "",
                           settings = members.settings, process = members.process }, others)
  self_meta.__index = members
  setmetatable({}, view_meta)       -- what it lacks is noted in it when first used
  setmetatable({}, answer_meta)
end

-- Give the ctx of this slice.  All texts are JSON, or nil for nothing; they are
-- read when they are first asked for.
function M.begin(mode, fields, texts)
  S.fields = fields
  S.data_text, S.settings_text, S.process_text = texts.data, texts.settings, texts.process
  S.activity = texts.activity
  S.view, S.settings, S.process, S.mails = nil, nil, nil, 0
  data_meta.__index = open_view
  S.only = mode == "is_complete" and read_kinds or mode == "trigger" and every_kind or nil
  S.where = mode == "trigger" and "a trigger" or mode
  S.read_only = mode == "trigger" or mode == "when"
  members.key = texts.key or ""
  return mode == "when" and { data = members.data, settings = members.settings,
                              process = members.process } or self
end

return M
