-- moonlane.path: from a workflow's table to what stands at a path.
--
-- "4" is phases[4]; "4.1" its first entry (an activity, a task, a branch);
-- "4.1.2.1" goes on through a branch's phases; "start.2" is start[2].  In a
-- file of its own because every slice needs it, and only it: each file that is
-- loaded makes the image larger that is copied before each attempt.
local M = {}
local byte = string.byte
local DOT, ZERO, NINE, S = byte ".", byte "0", byte "9", byte "s"

local function trigger_at(flow, path)
  local n = path:match "^start%.(%d+)$"
  local t = n and type(flow.start) == "table" and flow.start[tonumber(n)]
  return type(t) == "table" and t or nil
end

-- The rules under one name (before_update, ...): a list of tables, one table,
-- or a function alone.
function M.rules_of(v)
  if type(v) == "function" then return { { run = v, refuse = v } } end
  if type(v) ~= "table" then return {} end
  if v["@kind"] or type(v[1]) ~= "table" then return { v } end
  return v
end

local function rule_at(flow, path)
  local life, nth = path:match "^([a-z_]+)%.(%d+)$"
  return life and M.rules_of(flow[life])[tonumber(nth)]
end

-- Byte by byte: no pattern and no string is made on the way of every slice.
function M.find(flow, path)
  if type(flow) ~= "table" then return nil end
  if byte(path, 1) == S then return trigger_at(flow, path) end
  if byte(path, 1) > NINE then return rule_at(flow, path) end
  local list, t, in_phase, n = flow.phases, nil, false, 0
  for i = 1, #path + 1 do
    local c = byte(path, i)
    if c ~= nil and c ~= DOT then
      n = n * 10 + c - ZERO
    else
      if in_phase then
        t = t[n + 1]
        list = type(t) == "table" and t.phases
      else
        t = type(list) == "table" and list[n]
      end
      if type(t) ~= "table" then return nil end
      in_phase, n = not in_phase, 0
    end
  end
  return t
end

return M
