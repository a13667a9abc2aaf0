-- moonlane.object: a process is written: what is derived from its fields, which
-- rules refuse the write, which follow it (P3.6, P3.7).
--
-- In a file of its own because few workflows have any of it, and what is
-- loaded makes the image larger that is copied before each slice.
local host = require "moonlane.host"
local rules_of = require("moonlane.path").rules_of

local raise = host.raise
local null = host.null

local DAY <const> = 86400000

-- Fields under their ids and short ids; nothing can be written.
local function view(values, flow)
  local by = {}
  for _, f in ipairs(flow.fields or {}) do
    local v = values[f[1]]
    if v == null then v = nil end
    by[f[1]] = v
    if f.short ~= nil then by[f.short] = v end
  end
  return setmetatable({}, { __metatable = false,
    __index = function(_, k) return by[k] end,
    __newindex = function() raise "a rule only looks: nothing can be written here" end }), by
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  return host.encode(a, "a value") == host.encode(b, "a value")
end

local own = { state = true, status = true, assignedTo = true, nextActionAt = true }

-- What a rule is given: c.data, c.was, c.state, c.changed "x",
-- c.changed_to("x", v), c.now, c.days(n).
local function looking(asked, now, was, process)
  local c = { data = now, was = was, now = asked.now, process = process,
              state = asked.is.state, status = asked.is.status,
              assignedTo = asked.is.assignedTo, nextActionAt = asked.is.nextActionAt,
              created = asked.on == "create" }
  local before = asked.was or {}
  for k, v in pairs(asked.is) do if v == null then c[k] = nil end end
  c.was_state = before.state ~= null and before.state or nil
  c.was_status = before.status ~= null and before.status or nil
  local function pair(name)
    if own[name] then
      local is, old = asked.is[name], before[name]
      return is ~= null and is or nil, old ~= null and old or nil
    end
    return now[name], was[name]
  end
  function c.changed(name)
    local is, old = pair(name)
    return not same(is, old)
  end
  function c.changed_to(name, v)
    local is, old = pair(name)
    return same(is, v) and not same(is, old)
  end
  function c.days(n) return asked.now + math.tointeger(n * DAY // 1) end
  return c
end

local function applies(rule, c, name)
  if rule.active == false then return false end
  if rule.when == nil then return true end
  local v = rule.when(c)
  if v == nil then return false end
  if type(v) ~= "boolean" then
    error(("'when' of %s must return true or false, not %s"):format(name, host.show(v)), 0)
  end
  return v
end

local function refusal(rule, c, name)
  if not applies(rule, c, name) then return nil end
  local v = rule.refuse
  if type(v) == "function" then v = v(c) end
  if v ~= nil and type(v) ~= "string" then
    error(("'refuse' of %s must return a sentence or nil, not %s"):format(name,
          host.show(v)), 0)
  end
  return v
end

local function derive_all(flow, values)
  local out = {}
  for _, f in ipairs(flow.fields or {}) do
    if type(f.derive) == "function" then
      local v = f.derive((view(values, flow)))
      values[f[1]] = v
      out[f[1]] = v == nil and null or v
    end
  end
  return out
end

-- payload: {"on","rules","now","is":{..},"was":{..,"data"} or null}; the answer:
-- {"derived":{id: value}, "refuse": sentence, "after": [true, ...]}.
return function(flow, process, q)
  local asked = host.decode(q.payload)
  local values = host.decode(q.data)
  local out = { derived = derive_all(flow, values), after = host.array {} }
  if asked.was == null then asked.was = nil end
  if not asked.rules then return host.encode(out, "what is derived") end
  local c = looking(asked, (view(values, flow)),
                    (view(asked.was and asked.was.data or {}, flow)), process)
  for i, rule in ipairs(rules_of(flow["before_" .. asked.on])) do
    local why = refusal(rule, c, ("before_%s rule %d"):format(asked.on, i))
    if why ~= nil then
      return host.encode({ derived = out.derived, after = out.after, refuse = why },
                         "a refusal")
    end
  end
  for i, rule in ipairs(rules_of(flow["after_" .. asked.on])) do
    out.after[i] = applies(rule, c, ("after_%s rule %d"):format(asked.on, i))
  end
  return host.encode(out, "what follows")
end
