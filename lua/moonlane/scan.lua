-- moonlane.scan: on which line of workflow.lua a part of its tables stands.
--
-- A part that no builder makes (a field, a lane, a phase) does not know its
-- place.  So the source is read for its table constructors: brackets, names,
-- texts; comments and long strings are passed over.  It is a help for
-- messages, never more: what is not found has no line.
local M = {}

local find, sub, match = string.find, string.sub, string.match

-- ---- tokens: kind ("name", "text", "mark"), value, line ----

local function lines_in(s)
  local _, n = s:gsub("\n", "")
  return n
end

-- The end of "[==[ ... ]==]" that begins at i, or nil when there is none.
local function long_end(s, i)
  local level = match(s, "^%[(=*)%[", i)
  if not level then return nil end
  local _, last = find(s, "]" .. level .. "]", i, true)
  return last or #s
end

-- The end of the quoted text that begins at i.
local function quote_end(s, i)
  local q = sub(s, i, i)
  local k = i + 1
  while k <= #s do
    local c = sub(s, k, k)
    if c == "\\" then
      k = k + 1
    elseif c == q or c == "\n" then
      return k
    end
    k = k + 1
  end
  return #s
end

local function tokens(s)
  local out, line, i = {}, 1, 1
  while i <= #s do
    local c = sub(s, i, i)
    local last = i
    local kind, value
    if find(c, "%s") then
      last = select(2, find(s, "^%s+", i))
    elseif sub(s, i, i + 1) == "--" then
      last = long_end(s, i + 2) or (find(s, "\n", i, true) or #s + 1) - 1
    elseif c == "'" or c == '"' then
      last = quote_end(s, i)
      kind, value = "text", sub(s, i + 1, last - 1)
    elseif long_end(s, i) then
      last = long_end(s, i)
      kind = "text"
    elseif find(c, "[%a_]") then
      last = select(2, find(s, "^[%w_]+", i))
      kind, value = "name", sub(s, i, last)
    elseif find(c, "%d") then
      last = select(2, find(s, "^[%w.]+", i))
      kind = "number"
    else
      kind, value = "mark", c
    end
    if kind then out[#out + 1] = { kind = kind, value = value, line = line } end
    line = line + lines_in(sub(s, i, last))
    i = last + 1
  end
  return out
end

-- ---- constructors ----

local OPEN = { ["("] = true, ["["] = true }
local CLOSE = { [")"] = true, ["]"] = true }
local BEGIN = { ["function"] = true, ["if"] = true, ["do"] = true, ["repeat"] = true }
local FINISH = { ["end"] = true, ["until"] = true }

local function is(t, kind, value)
  return t ~= nil and t.kind == kind and t.value == value
end

local constructor

-- One item, from token i to its comma: its line, its text if it begins with
-- one, and the first constructor in it.  Commas inside brackets and function
-- bodies are its own.
local function item(ts, i)
  local it = { line = ts[i].line, text = ts[i].kind == "text" and ts[i].value or nil }
  local depth, body = 0, 0
  while ts[i] do
    local t = ts[i]
    if t.kind == "mark" then
      if t.value == "{" then
        local node
        node, i = constructor(ts, i)
        if body == 0 and not it.node then it.node = node end
        goto next
      elseif depth == 0 and body == 0 and (t.value == "," or t.value == ";") then
        break
      elseif t.value == "}" then
        break
      elseif OPEN[t.value] then
        depth = depth + 1
      elseif CLOSE[t.value] then
        depth = depth - 1
      end
    elseif t.kind == "name" then
      body = body + (BEGIN[t.value] and 1 or FINISH[t.value] and -1 or 0)
    end
    i = i + 1
    ::next::
  end
  return it, i
end

-- The constructor whose "{" is token i, and the token behind its "}".
function constructor(ts, i)
  local node = { line = ts[i].line, items = {}, keys = {} }
  i = i + 1
  while ts[i] and not is(ts[i], "mark", "}") do
    local key, it
    if ts[i].kind == "name" and is(ts[i + 1], "mark", "=")
       and not is(ts[i + 2], "mark", "=") then
      key, it = ts[i].value, ts[i].line
      i = i + 2
    elseif is(ts[i], "mark", "[") and ts[i + 1] and ts[i + 1].kind == "text"
           and is(ts[i + 2], "mark", "]") and is(ts[i + 3], "mark", "=") then
      key, it = ts[i + 1].value, ts[i].line
      i = i + 4
    end
    if not ts[i] then break end
    local line = it
    it, i = item(ts, i)
    it.line = line or it.line
    if key then node.keys[key] = it else node.items[#node.items + 1] = it end
    if is(ts[i], "mark", ",") or is(ts[i], "mark", ";") then i = i + 1 end
  end
  node.first = node.items[1] and node.items[1].text
  return node, i + 1
end

-- ---- what is asked ----

function M.source(text)
  return tokens(text)
end

-- The first constructor from `line` on that begins with the text `name`.
function M.constructor(ts, line, name)
  for i, t in ipairs(ts) do
    if t.line >= line and is(t, "mark", "{") and is(ts[i + 1], "text", name) then
      return (constructor(ts, i))
    end
  end
end

-- The first constructor from `line` on: a list of what is no text.
function M.list(ts, line)
  for i, t in ipairs(ts) do
    if t.line >= line and is(t, "mark", "{") then return (constructor(ts, i)) end
  end
end

-- The constructor that is the value of a key.
function M.section(node, key)
  local it = node and node.keys[key]
  return it and it.node
end

function M.key_line(node, key)
  local it = node and node.keys[key]
  return it and it.line
end

-- Line and constructor of the i-th item, when it begins with `name` (nil: any);
-- else of the one that does.
function M.item(node, i, name)
  if not node then return nil end
  local it = node.items[i]
  if it and (name == nil or (it.node and it.node.first == name)) then
    return it.line, it.node
  end
  for _, other in ipairs(node.items) do
    if name ~= nil and other.node and other.node.first == name then
      return other.line, other.node
    end
  end
end

-- Where { "name" first stands.
function M.anywhere(ts, name)
  for i, t in ipairs(ts) do
    if is(t, "mark", "{") and is(ts[i + 1], "text", name) then return t.line end
  end
end

return M
