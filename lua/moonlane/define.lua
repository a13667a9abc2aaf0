-- moonlane.define: from what workflow.lua returned to the tree of
-- src/model/flow.h, and back to a function by its path.
--
--   define(result, source)          the tree, plain data; `source` is the text
--                                   of workflow.lua, for places
--   define.rules(result, source)    the rules that a file of rules returned, as
--                                   the list of src/model/ruleset.h
--   define.transactions()           the types that were registered
--   define.find(result, flow, path) the table at a path: flow from 0, path
--                                   "4.1.2" (phases and entries in turn) or
--                                   "start.2"; nil when there is none
--
-- Nothing is judged here: what does not fit goes into the tree as it is, and
-- the core tells it with its place.  Where data is expected and something
-- else stands (a function, a hole in a list), the tree has
-- { ["$not_data"] = "a function" }.
local host = require "moonlane.host"
local registry = require "moonlane.registry"
local scan = require "moonlane.scan"
local find = require("moonlane.path").find
local rules_of = require("moonlane.path").rules_of

local M = {}

-- ---- plain data ----

local DEPTH = 24

local function not_data(what)
  return { ["$not_data"] = what }
end

-- The positions of a table: the highest one, and its other keys, sorted.
-- The third value tells a key that is neither a position nor a text.
local function shape(t)
  local n, names, strange = 0, {}, false
  for k in pairs(t) do
    if math.type(k) == "integer" and k > 0 then
      if k > n then n = k end
    elseif type(k) == "string" and utf8.len(k) then
      if k:sub(1, 1) ~= "@" then names[#names + 1] = k end
    else
      strange = true
    end
  end
  table.sort(names)
  return n, names, strange
end

local HOLES = 1000                  -- a list may not end this far behind its items

local data

local function list_of(t, n, depth, from)
  local out = {}
  for i = from or 1, n do out[#out + 1] = data(t[i], depth) end
  return host.array(out)
end

local function table_data(t, depth)
  local kind = t["@kind"]
  if kind == "setting" then
    return { setting = data(t[1], depth),
             unit = t.unit ~= nil and data(t.unit, depth) or nil }
  end
  if kind == "join" or kind == "finish" then return { kind = kind } end
  local n, names, strange = shape(t)
  if strange then return not_data "a table with a key that is no text" end
  if n > 0 and #names > 0 then
    return not_data "a table with both positions and names"
  end
  if #names == 0 then
    if n > #t + HOLES then return not_data "a table with a hole" end
    return list_of(t, n, depth + 1)
  end
  local out = {}
  for _, k in ipairs(names) do out[k] = data(t[k], depth + 1) end
  return out
end

function data(v, depth)
  depth = depth or 1
  local kind = type(v)
  if v == host.null then return v end
  if kind == "nil" then return not_data "nothing" end
  if kind == "boolean" then return v end
  if kind == "number" then
    if v ~= v or v == math.huge or v == -math.huge then
      return not_data "a number that is not finite"
    end
    return v
  end
  if kind == "string" then
    return utf8.len(v) and v or not_data "a text that is not valid UTF-8"
  end
  if kind == "table" then
    if depth > DEPTH then return not_data "a table nested too deeply" end
    return table_data(v, depth)
  end
  return not_data("a " .. kind)
end

-- Where a function belongs: true for one, else what stands there instead.
local function code(v)
  if v == nil then return nil end
  if type(v) == "function" then return true end
  if type(v) == "boolean" then return not_data "a boolean" end
  return data(v)
end

-- ---- parts ----

-- Copy the named members that nobody has taken, and positions from `from` on
-- under "[n]", so that the core can tell that they are unknown.
local function rest(out, t, functions, from)
  local n, names, strange = shape(t)
  for _, k in ipairs(names) do
    if out[k] == nil then
      if functions[k] then out[k] = code(t[k]) else out[k] = data(t[k]) end
    end
  end
  for i = from or n + 1, math.min(n, (from or 1) + HOLES) do
    out["[" .. i .. "]"] = data(t[i])
  end
  if strange then out["[?]"] = true end
  return out
end

-- A choice that is a number goes by its text, as the core writes it.
local function number_id(v)
  if math.tointeger(v) then return ("%d"):format(math.tointeger(v)) end
  for _, how in ipairs { "%.15g", "%.16g" } do
    if tonumber(how:format(v)) == v then return how:format(v) end
  end
  return ("%.17g"):format(v)
end

-- { "id", en = "...", need = {...} } or "id"; `own` are names that are no
-- languages.
local function choice(v, own)
  if type(v) == "string" then return { id = data(v) } end
  if type(v) == "number" then return { id = number_id(v) } end
  if type(v) ~= "table" then return data(v) end
  local first = v[1]
  if type(first) == "number" then first = number_id(first) end
  local out, label = { id = first ~= nil and data(first) or nil }, nil
  local n, names = shape(v)
  for _, k in ipairs(names) do
    if own and own[k] then
      out[k] = data(v[k])
    elseif k == "label" then
      label = data(v[k])
    else
      label = type(label) == "table" and label or {}
      label[k] = data(v[k])
    end
  end
  out.label = label
  for i = 2, math.min(n, HOLES) do out["[" .. i .. "]"] = data(v[i]) end
  return out
end

-- Each positional item of a list by f(item, index); others than lists stay
-- what they are.
local function each(v, f)
  if v == nil then return nil end
  if type(v) ~= "table" or v == host.null then return data(v) end
  local n, names, strange = shape(v)
  if #names > 0 or strange or n > #v + HOLES then return data(v) end
  local out = {}
  for i = 1, n do
    out[i] = type(v[i]) == "table" and v[i] ~= host.null and f(v[i], i) or data(v[i])
  end
  return host.array(out)
end

local function choices(v, own)
  if v == nil then return nil end
  if type(v) ~= "table" then return data(v) end
  local out = {}
  local n = shape(v)
  for i = 1, math.min(n, #v + HOLES) do out[i] = choice(v[i], own) end
  return host.array(out)
end

-- A section written by names ({ system = {...} }) in the order of the source,
-- or as a list; f(id, value, place) makes one item.
local function by_name(v, node, place, f)
  if v == nil then return nil end
  if type(v) ~= "table" then return data(v) end
  local n, names = shape(v)
  local order = {}
  for _, k in ipairs(names) do
    order[#order + 1] = { k, scan.key_line(node, k) or math.maxinteger }
  end
  table.sort(order, function(a, b)
    if a[2] ~= b[2] then return a[2] < b[2] end
    return a[1] < b[1]
  end)
  local out = {}
  for i = 1, n do
    out[#out + 1] = type(v[i]) == "table"
      and f(v[i][1], v[i], place(node, i, v[i][1]), 2) or data(v[i])
  end
  for _, item in ipairs(order) do
    out[#out + 1] = f(item[1], v[item[1]], place(node, item[1]), 1)
  end
  return host.array(out)
end

local NONE = {}

local function lane(id, v, at, from)
  if from == 1 and type(v) == "table" and shape(v) == 0 and next(v) == nil then
    v = nil
  end
  if from == 1 then
    return { id = data(id), title = v ~= nil and data(v) or nil, at = at }
  end
  local c = choice(v, { title = true })
  c.title, c.label, c.at = c.title or c.label, nil, at
  return c
end

-- A text's default may be a file of the folder: templates/ID.txt.
local function setting(id, v, at, from)
  if type(v) == "string" then v = { v } end
  if type(v) ~= "table" then return data(v) end
  local out = rest({ id = data(id), type = v[from] ~= nil and data(v[from]) or nil,
                     at = at }, v, NONE, from + 1)
  local file = v[from] == "text" and type(id) == "string"
               and host.source(("templates/%s.txt"):format(id))
  if file then out.default = (file:gsub("\r\n", "\n")) end
  return out
end

local field_code = { derive = true }

local function field(v, at)
  local out = { id = v[1] ~= nil and data(v[1]) or nil,
                type = v[2] ~= nil and data(v[2]) or nil, of = choices(v.of), at = at }
  return rest(out, v, field_code, 3)
end

-- { "new", { "won", en = "Won" }, start = "new", graph = { new = { "won" } } };
-- graph (or moves) may also be a list of pairs.
local state_own = { description = true, color = true, tasks = true }

local function states(v)
  if v == nil then return nil end
  if type(v) ~= "table" then return data(v) end
  local out = { list = choices((table.move(v, 1, (shape(v)), 1, {})), state_own) }
  local moves = v.graph
  if moves == nil then moves = v.moves end
  if type(moves) == "table" then
    local n, names = shape(moves)
    if n == 0 and #names > 0 then
      local pairs_ = {}
      for _, from in ipairs(names) do
        local to = moves[from]
        for _, one in ipairs(type(to) == "table" and to or { to }) do
          pairs_[#pairs_ + 1] = host.array { from, data(one) }
        end
      end
      out.moves = host.array(pairs_)
    end
  end
  if out.moves == nil and moves ~= nil then out.moves = data(moves) end
  local plain = {}                   -- `graph` is only another word for it
  for k, item in pairs(v) do
    if k ~= "graph" then plain[k] = item end
  end
  return rest(out, plain, NONE)
end

-- ---- triggers ----

local trigger_code = { run = true, receive = true }

-- ml.signature { "standard", secret = ml.setting "key" }; anything else stays
-- what it is, and has no place of its own.
local function signature(v)
  if type(v) ~= "table" or v["@kind"] ~= "signature" then return data(v) end
  return rest({ scheme = v[1] ~= nil and data(v[1]) or nil, at = v["@at"] },
              v, {}, v[1] ~= nil and 2 or 1)
end

local function trigger(v, at)
  local kind = v["@kind"] or v.kind
  local out = { kind = kind ~= nil and data(kind) or nil, at = v["@at"] or at }
  if v.verify ~= nil then out.verify = signature(v.verify) end
  local n = shape(v)
  if kind == "form" or kind == "partner" then
    out.name = v.name == nil and kind or data(v.name)
    if v.form == nil then out.form = list_of(v, n, 1) end
    return rest(out, v, trigger_code, v.form ~= nil and 1 or nil)
  end
  if v.name == nil and v[1] ~= nil then
    out.name = data(v[1])
    if kind == "http" and v.form == nil and n > 1 then
      out.form = list_of(v, n, 1, 2)
      return rest(out, v, trigger_code)
    end
    return rest(out, v, trigger_code, 2)
  end
  return rest(out, v, trigger_code, 1)
end

-- ---- phases ----

local entry_code = { run = true, is_complete = true, undo = true, when = true }

-- next: a name, ml.join, ml.finish, or { outcome = one of these, default }.
local function next_of(v)
  if type(v) ~= "table" or v["@kind"] then return data(v) end
  local n, names, strange = shape(v)
  if strange then return data(v) end
  local out = {}
  for _, k in ipairs(names) do out[k] = data(v[k]) end
  if n == 1 then
    out[""] = data(v[1])
  elseif n > 1 then
    out[""] = list_of(v, math.min(n, HOLES), 1)   -- told as more than one default
  end
  return out
end

-- limits = { units = 1000000, time = "500ms" }, with the place of the word.
local function limits(v, at)
  local out = v ~= nil and data(v) or nil
  if type(out) == "table" and next(out) ~= nil and #out == 0
     and out["$not_data"] == nil then
    out.at = at
  end
  return out
end

local phases

local function entry(v, node, at, place)
  local kind = v["@kind"]
  local out = { at = v["@at"] or at }
  if kind == "branch" then
    out.kind, out.name = kind, v[1] ~= nil and data(v[1]) or nil
    out.phases = phases(v.phases, scan.section(node, "phases"), out.at, place)
    return rest(out, v, entry_code, 2)
  end
  if kind ~= "activity" and kind ~= "task" and kind ~= "receive" then
    return { kind = "a table", at = out.at }
  end
  out.kind, out.label = kind, v[1] ~= nil and data(v[1]) or nil
  if kind == "task" or type(v.outcomes) ~= "table" then
    out.outcomes = choices(v.outcomes, { need = true, fails = true })
  else
    out.outcomes = each(v.outcomes, function(c) return choice(c) end)
  end
  out.limits = limits(v.limits, out.at)
  return rest(out, v, entry_code, 2)
end

local function phase(v, node, at, place)
  local n = shape(v)
  local out = { name = v[1] ~= nil and data(v[1]) or nil, at = v["@at"] or at }
  local entries = {}
  for i = 2, math.min(n, #v + HOLES) do
    local e = v[i]
    if type(e) == "table" and e ~= host.null then
      local line, inner = scan.item(node, i, nil)
      entries[i - 1] = entry(e, inner, place(nil, nil, nil, line, out.at), place)
    else
      entries[i - 1] = data(e)
    end
  end
  out.entries = host.array(entries)
  if v.next ~= nil then out.next = next_of(v.next) end
  return rest(out, v, { when = true })
end

function phases(v, node, at, place)
  return each(v, function(item, i)
    local line, inner = scan.item(node, i, item[1])
    return phase(item, inner, place(nil, nil, item[1], line, at), place)
  end)
end

-- ---- rules of a process's life ----

local lives = { "before_create", "before_update", "after_create", "after_update",
                "on_next_action" }
local is_life = {}
for _, on in ipairs(lives) do is_life[on] = true end

-- { "name", active =, when =, refuse = } before, { "name", when =, run =, ... },
-- the rest an activity's, after; a function alone is one without a name.
local function life_rule(on, v, i, at)
  if type(v) ~= "table" or v == host.null then return data(v) end
  local name = v[1]
  if name == nil then name = on .. " " .. i end
  local out = { on = on, name = data(name), at = v["@at"] or at,
                active = v.active ~= nil and data(v.active) or nil }
  if v.when ~= nil then out.when = code(v.when) end
  if on:match "^before" then
    if type(v.refuse) == "function" then out.refuse = true
    elseif v.refuse ~= nil then out.refuse = data(v.refuse) end
    local plain = {}                 -- `run` of a function alone
    for k, item in pairs(v) do
      if k ~= "run" or v.refuse ~= item then plain[k] = item end
    end
    return rest(out, plain, { when = true, refuse = true }, 2)
  end
  if type(v.run) ~= "function" and v.run == nil then return rest(out, v, NONE, 2) end
  local act = { ["@kind"] = "activity", ["@at"] = out.at, name }
  for k, item in pairs(v) do
    if type(k) == "string" and k:sub(1, 1) ~= "@" and k ~= "active" and k ~= "when"
       and not (k == "refuse" and item == v.run) then
      act[k] = item
    end
  end
  out.entry = entry(act, nil, out.at)
  return out
end

local function life_rules(t, place)
  local out = {}
  for _, on in ipairs(lives) do
    if t[on] ~= nil and type(t[on]) ~= "table" and type(t[on]) ~= "function" then
      out[#out + 1] = data(t[on])
    end
    for i, v in ipairs(rules_of(t[on])) do
      out[#out + 1] = life_rule(on, v, i, place(nil, nil, type(v) == "table" and v[1] or on))
    end
  end
  return #out > 0 and host.array(out) or nil
end

-- ---- workflows ----

-- Places in workflow.lua of what no builder has marked: the item's line, else
-- where the source first has { "name", else `instead` or the workflow's own.
local function placer(source, home)
  return function(node, at, name, line, instead)
    if node and type(at) == "number" then line = scan.item(node, at, name) end
    if node and type(at) == "string" then line = scan.key_line(node, at) end
    if line == nil and type(name) == "string" then line = scan.anywhere(source, name) end
    if line then return "workflow.lua:" .. line end
    return instead or home
  end
end

local function workflow(t, source)
  if t["@kind"] ~= "workflow" then
    return not_data "a table that ml.workflow did not make"
  end
  local home = t["@at"]
  local line = tonumber(home:match "^workflow%.lua:(%d+)$")
  local node = line and scan.constructor(source, line, t[1])
  local place = placer(source, home)
  local function section(key) return scan.section(node, key) end
  local out = { name = t[1] ~= nil and data(t[1]) or nil, at = home }
  out.lanes = by_name(t.lanes, section "lanes", place, lane)
  out.settings = by_name(t.settings, section "settings", place, setting)
  out.fields = each(t.fields, function(v, i)
    return field(v, place(section "fields", i, v[1]))
  end)
  out.states = states(t.states)
  out.start = each(t.start, function(v, i)
    return trigger(v, place(section "start", i, nil))
  end)
  out.phases = phases(t.phases, section "phases", home, place)
  out.limits = limits(t.limits, place(node, "limits"))
  out.rules = life_rules(t, place)
  local plain = {}                   -- those that are in out.rules now
  for k, v in pairs(t) do
    if not is_life[k] then plain[k] = v end
  end
  return rest(out, plain, NONE, 2)
end

-- The workflows that workflow.lua returned, as a list.
local function returned(result)
  if type(result) ~= "table" then return {} end
  if result["@kind"] ~= nil or result[1] == nil then return { result } end
  return result
end

local function define(_, result, source)
  local lines = scan.source(source or "")
  local out = {}
  if type(result) ~= "table" then
    error("workflow.lua must return what ml.workflow made, or a list of such; "
          .. "it returned " .. (result == true and "nothing" or "a " .. type(result)), 0)
  end
  for i, t in ipairs(returned(result)) do
    out[i] = type(t) == "table" and workflow(t, lines) or data(t)
  end
  return { api = 1, workflows = host.array(out) }
end

-- ---- rules ----

local rule_keys = { "to", "at", "rule" }

local function one_rule(v, i, at)
  local out = { place = i, type = v[1] ~= nil and data(v[1]) or nil, at = at }
  for _, k in ipairs(rule_keys) do
    if v[k] ~= nil then out[k] = data(v[k]) end
  end
  out.when, out.data = code(v.when), code(v.data)
  return rest(out, v, NONE, 2)
end

function M.rules(result, source)
  if type(result) ~= "table" or result["@kind"] ~= "rules" then
    error("rules.lua must return what ml.rules made: return ml.rules { ... }", 0)
  end
  local line = tonumber(result["@at"]:match "^rules%.lua:(%d+)$")
  local n, names, strange = shape(result)
  local node, out = nil, {}
  if strange or #names > 0 then
    error("rules.lua: ml.rules takes a list of rules and nothing else", 0)
  end
  if line then node = scan.list(scan.source(source), line) end
  for i = 1, math.min(n, #result + HOLES) do
    local v = result[i]
    if type(v) ~= "table" or v == host.null then
      out[#out + 1] = data(v)
    elseif v["@kind"] ~= "transaction" then
      local at = line and scan.item(node, i, nil)
      out[#out + 1] = one_rule(v, i, at and "rules.lua:" .. at or result["@at"])
    end
  end
  return host.array(out)
end

function M.transactions()
  local out = {}
  for i, t in ipairs(registry.list()) do out[i] = { type = data(t.type), at = t.at } end
  return host.array(out)
end

function M.find(result, flow, path)
  return find(returned(result)[flow + 1], path)
end

return setmetatable(M, { __call = define })
