-- The ways into a bundle: one function for each kind of question that a
-- worker is asked (src/script/worker.c calls them).  What they return is the
-- text of the answer.
local host = require "moonlane.host"
local ctx = require "moonlane.ctx"
local find_at = require("moonlane.path").find

local raise = host.raise
local null = host.null
local M = {}

local flows                         -- what workflow.lua returned
local rules                         -- what the rules file returned
local fields = {}                   -- of each flow, by index
local known = {}                    -- what stands at the paths of the first flow

local function flow_at(index)
  local list = flows
  if type(list) == "table" and list.phases == nil and list[1] ~= nil
     and type(list[1]) == "table" then
    list = list[index + 1]
  end
  return list
end

local function fields_at(index)
  local f = fields[index]
  if f == nil then
    f = ctx.fields_of(flow_at(index) or {})
    fields[index] = f
  end
  return f
end

local lives = { "before_create", "before_update", "after_create", "after_update" }

local function has_life(flow)
  for _, on in ipairs(lives) do
    if flow[on] ~= nil then return true end
  end
  for _, f in ipairs(flow.fields or {}) do
    if type(f) == "table" and f.derive ~= nil then return true end
  end
  return false
end

-- Each slice looks up a path: that of an activity is found here.
local function know(t, at)
  local list = t.phases
  if type(list) ~= "table" then return end
  for p, phase in ipairs(list) do
    if type(phase) ~= "table" then return end
    for e = 2, #phase do
      local path, entry = ("%s%d.%d"):format(at, p, e - 1), phase[e]
      known[path] = entry
      if type(entry) == "table" then know(entry, path .. ".") end
    end
  end
end

-- Evaluated once, before the image is taken.
function M.prepare(what, file)
  if what == "flow" then
    flows = require "workflow"
    fields_at(0)
    local f = flow_at(0)
    if type(f) == "table" then know(f, "") end
    if type(f) == "table" and has_life(f) then require "moonlane.object" end
  elseif what == "rules" then
    rules = require((file:gsub("%.lua$", ""):gsub("/", ".")))
  elseif what == "test" then
    require "moonlane.test"
    require "test"
  end
end

-- The last that happens before the image is taken.
function M.settle() ctx.settle() end

function M.define()
  local define = require "moonlane.define"    -- here: no attempt needs it
  local tree, source = { api = 1, workflows = host.array() }, host.source "workflow.lua"
  if source then tree = define(require "workflow", source) end
  source = host.source "rules.lua"
  if source then tree.rules = define.rules(require "rules", source) end
  tree.transactions = define.transactions()
  if #tree.transactions == 0 then tree.transactions = nil end
  return host.encode(tree, "the definition", true)
end

local function find(index, path)
  local t = index == 0 and known[path] or find_at(flow_at(index), path)
  if t == nil then
    error(("there is nothing at %s of workflow %d of this bundle"):format(path,
          index + 1), 0)
  end
  return t
end

-- run, is_complete, undo of an activity.  An outcome is a text; is_complete
-- gives true or false.
function M.attempt(q)
  local act = find(q.flow, q.path)
  local f = act[q.mode]
  if type(f) ~= "function" then
    error(("the activity at %s has no function '%s'"):format(q.path, q.mode), 0)
  end
  local result = f(ctx.begin(q.mode, fields_at(q.flow), q))
  if q.mode == "is_complete" then
    if type(result) ~= "boolean" then
      error("is_complete must return true or false, not " .. host.show(result), 0)
    end
    return tostring(result)
  end
  if result == nil then return nil end
  if type(result) ~= "string" then
    error(("%s must return an outcome, a text, or nothing; it returned %s"):format(
          q.mode, host.show(result)), 0)
  end
  return result
end

function M.judge(q)
  local out = {}
  for path in q.path:gmatch "%S+" do
    local when = find(q.flow, path).when
    if type(when) ~= "function" then
      error(("there is no function 'when' at %s"):format(path), 0)
    end
    local v = when(ctx.begin("when", fields_at(q.flow), q))
    if type(v) ~= "boolean" then
      error(("'when' at %s must return true or false, not %s"):format(path, host.show(v)),
            0)
    end
    out[#out + 1] = tostring(v)
  end
  return "[" .. table.concat(out, ",") .. "]"
end

-- ---- a process is written: what is derived, what refuses, what follows ----

function M.object(q)
  local flow = flow_at(q.flow)
  local process = ctx.begin("when", fields_at(q.flow), q).process
  return require "moonlane.object"(flow, process, q)
end

-- A request's body as JSON, nil when it is none: what came is anybody's.
local function body_json(text)
  if type(text) ~= "string" or text == "" then return nil end
  local v, why = host.try_decode(text)
  if why then return nil end
  return v
end

function M.trigger(q)
  local t = (flow_at(q.flow).start or {})[math.tointeger(tonumber(q.path))]
  local f = type(t) == "table" and t[q.mode] or nil
  if type(f) ~= "function" then
    error(("trigger %s has no function '%s'"):format(q.path, q.mode), 0)
  end
  local payload = q.payload and host.decode(q.payload)
  if payload == null then payload = nil end
  if q.mode == "receive" and payload ~= nil and payload.json == nil then
    payload.json = body_json(payload.body)
  end
  local result = f(ctx.begin("trigger", fields_at(q.flow), q), payload)
  if type(result) ~= "table" then
    error(("%s must return a table, not %s"):format(q.mode, host.show(result)), 0)
  end
  return host.encode(result, "what the trigger returned")
end

-- ---- rules ----

-- A transaction as its rules see it: reading what it lacks is an error, and so
-- is writing.  Each table is an empty one that looks into the decoded one.
local STRICT = {}
local behind = {}                   -- what a rule holds -> what it looks into

local function read_only()
  raise "a rule looks at a transaction and changes nothing of it"
end

local strict

local function look(v, where)
  local list, seen = host.is_array(v), {}
  local view = setmetatable({}, { __metatable = STRICT, __newindex = read_only,
    __len = function() return #v end,
    __pairs = function(t)
      local copy = {}
      for k in pairs(v) do copy[k] = t[k] end
      return pairs(copy)
    end,
    __index = function(_, k)
      local item = v[k]
      if type(item) ~= "table" then
        if item ~= nil or list then return item end
        raise(("the transaction has no %s.%s"):format(where, tostring(k)))
      end
      if seen[k] == nil then
        seen[k] = strict(item, list and ("%s[%d]"):format(where, k)
                               or where .. "." .. k)
      end
      return seen[k]
    end })
  behind[view] = v
  return view
end

function strict(v, where)
  if type(v) ~= "table" or v == null then return v end
  return look(v, where)
end

-- The same without the marks, for the way out.
local function loose(v, depth)
  if type(v) ~= "table" or depth > 64 then return v end
  if behind[v] then return behind[v] end
  local list = host.is_array(v)
  if not list and getmetatable(v) ~= nil then return v end
  local copy = {}
  for k, item in pairs(v) do copy[k] = loose(item, depth + 1) end
  return list and host.array(copy) or copy
end

local function bare(type_)
  return type(type_) == "string" and (type_:gsub(" Transaction$", "")) or nil
end

local function matches(rule, tx, i)
  if rule.when == nil then return true end
  local v = rule.when(tx)
  if type(v) ~= "boolean" then
    error(("'when' of rule %d must return true or false, not %s"):format(i, host.show(v)),
          0)
  end
  return v
end

-- payload: {"type":..., "payload":{...}, "from":.., "upto":..}, the last two the
-- rules that are asked; the answer: the first match, or null.
function M.rule(q)
  local asked = host.decode(q.payload)
  ctx.begin("when", nil, {})
  for i = asked.from or 1, asked.upto or #rules do
    local rule = rules[i]
    local mine = bare(rule[1]) == asked.type and rule.rule == nil
    local tx = mine and strict(asked.payload, "tx")     -- its own: no rule tells another
    if mine and matches(rule, tx, i) then
      local values = rule.data
      if type(values) == "function" then values = values(tx) end
      return host.encode({ rule = i, to = rule.to,
                           data = values ~= nil and loose(values, 1) or {} },
                         "the data of rule " .. i)
    end
  end
  return "null"
end

-- ---- try, test ----

-- A file that returns function(ctx).
function M.try(q)
  local f = require((q.path:gsub("%.lua$", ""):gsub("/", ".")))
  if type(f) == "table" and type(f.run) == "function" then f = f.run end
  if type(f) ~= "function" then
    error(q.path .. " must return a function(ctx), not " .. host.show(f), 0)
  end
  local v = f(ctx.begin("run", nil, q))
  return v == nil and "" or host.encode(v, "what " .. q.path .. " returned")
end

function M.test_list()
  return require("moonlane.test").list()
end

function M.test_run(q)
  ctx.begin("run", nil, {})
  return require("moonlane.test").run(math.tointeger(tonumber(q.path)))
end

return M
