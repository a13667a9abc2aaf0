-- openapi.lua - holds recorded answers against an OpenAPI 3.1 document, both
-- ways: every answer is one that is documented, every operation was asked.
--
--   lua5.4 tests/lib/openapi.lua DOCUMENT FOLDER
--
-- FOLDER holds N.meta (one line: METHOD PATH STATUS TYPE) and N.body for each
-- request, N from 1.  Prints TAP: one result an answer, one an operation, and
-- a plan.  Knows of JSON Schema what our documents use: type (one or a list),
-- required, properties, additionalProperties, items, enum, anyOf, minimum,
-- maximum, $ref; any other keyword that would restrict is a failure.

local cjson = require "cjson"

local function read(name)
  local f = assert(io.open(name, "rb"))
  local text = f:read "a"
  f:close()
  return text
end

local doc = cjson.decode(read(arg[1]))
local folder = arg[2]

local known = { type = true, required = true, properties = true, items = true, enum = true, anyOf = true, minimum = true,
  maximum = true, additionalProperties = true, description = true, ["$ref"] = true }

local function follow(ref)
  local at = doc
  for part in ref:gsub("^#/", ""):gmatch "[^/]+" do
    at = at and at[part]
  end
  return assert(at, "nothing at " .. ref)
end

local function is(v, name)
  local list = type(v) == "table" and (#v > 0 or next(v) == nil)   -- {} and [] look the same here
  if name == "null" then return v == cjson.null end
  if name == "array" then return list end
  if name == "object" then return type(v) == "table" and (#v == 0) end
  if name == "integer" then return type(v) == "number" and v == math.floor(v) end
  return type(v) == name
end

local check

local function check_object(schema, v, at)
  for _, name in ipairs(schema.required or {}) do
    if v[name] == nil then return at .. ": '" .. name .. "' is missing" end
  end
  for name, value in pairs(v) do
    local own = (schema.properties or {})[name]
    local rest = schema.additionalProperties
    local why
    if own then
      why = check(own, value, at .. "/" .. name)
    elseif rest == false then
      why = at .. ": '" .. name .. "' is not documented"
    elseif type(rest) == "table" then
      why = check(rest, value, at .. "/" .. name)
    end
    if why then return why end
  end
end

local function check_type(schema, v, at)
  local types = schema.type
  if not types then return end
  if type(types) ~= "table" then types = { types } end
  for _, name in ipairs(types) do
    if is(v, name) then return end
  end
  return at .. ": is no " .. table.concat(types, " or ")
end

local function one_of(list, fits)
  for _, candidate in ipairs(list) do
    if fits(candidate) then return true end
  end
end

function check(schema, v, at)
  for keyword in pairs(schema) do
    if not known[keyword] then return at .. ": keyword '" .. keyword .. "' is not known here" end
  end
  if schema["$ref"] then return check(follow(schema["$ref"]), v, at) end
  local why = check_type(schema, v, at)
  if why then return why end
  if schema.enum and not one_of(schema.enum, function(e) return e == v end) then
    return at .. ": is none of the words allowed"
  end
  if schema.anyOf and not one_of(schema.anyOf, function(s) return not check(s, v, at) end) then
    return at .. ": fits no alternative"
  end
  if type(v) == "number" and (v < (schema.minimum or v) or v > (schema.maximum or v)) then
    return at .. ": is out of range"
  end
  if is(v, "object") then return check_object(schema, v, at) end
  if is(v, "array") and schema.items then
    for i, item in ipairs(v) do
      why = check(schema.items, item, at .. "/" .. (i - 1))
      if why then return why end
    end
  end
end

local function fits(pattern, path)
  local p = pattern:gsub("[%-%.%+%[%]%(%)%$%^%%%?%*]", "%%%0"):gsub("{[^}]+}", "[^/]+")
  return path:match("^" .. p .. "$") ~= nil
end

local function operation(method, path)
  local plain = path:gsub("%?.*", "")
  for pattern, item in pairs(doc.paths) do
    if fits(pattern, plain) and item[method:lower()] then return item[method:lower()] end
  end
end

-- nil when the answer is as documented, else why not.
local function judge(op, status, kind, body)
  local answer = op.responses[status] or (tonumber(status) >= 400 and op.responses.default)
  if not answer then return "status " .. status .. " is not documented" end
  if answer["$ref"] then answer = follow(answer["$ref"]) end
  if not answer.content then return body ~= "" and "a body is not documented" or nil end
  local media = answer.content[kind]
  if not media then
    answer = status:match "^[45]" and follow(op.responses.default["$ref"])
    media = answer and answer.content[kind]
  end
  if not media then return "type '" .. kind .. "' is not documented" end
  if kind == "text/plain" then return end
  local ok, value = pcall(cjson.decode, body)
  if not ok then return "the body is no JSON" end
  return check(media.schema, value, "")
end

local results, asked = 0, {}
local function tell(ok, name, why)
  results = results + 1
  print(("%s %d - %s"):format(ok and "ok" or "not ok", results, name))
  if why then print("#   " .. why) end
end

local n = 0
while true do
  n = n + 1
  local f = io.open(folder .. "/" .. n .. ".meta", "rb")
  if not f then break end
  local method, path, status, kind = f:read "a":match "^(%S+) (%S+) (%d+) ?([^;%s]*)"
  f:close()
  local op = operation(method, path)
  local why = op and judge(op, status, kind, read(folder .. "/" .. n .. ".body")) or (not op and "no such operation")
  if op and tonumber(status) < 300 then asked[op.operationId] = true end
  tell(not why, method .. " " .. path .. " " .. status, why)
end

local ids = {}
for _, item in pairs(doc.paths) do
  for _, op in pairs(item) do ids[#ids + 1] = op.operationId end
end
table.sort(ids)
for _, id in ipairs(ids) do
  tell(asked[id], "asked with success: " .. id)
end
print("1.." .. results)
os.exit(n > 1 and 0 or 1)
