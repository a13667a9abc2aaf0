-- moonlane.cpbm: CloudPortal's workflows, out of the data files that
-- `moonlane import cpbm` made (src/cmd/cpbm_folder.c says what is in them).
--
--   return cpbm.workflows { require "cpbm_1", ... }        workflow.lua
--   return cpbm.rules { require "cpbm_1", ... }            rules.lua
--
-- An activity's ref names its implementation, a function(name, settings) that
-- returns what ml.activity or ml.task made, and, when it needs them, a table
-- { fields = {...}, settings = {...}, lanes = {...} } in the shape that
-- ml.workflow has them.  `settings` are the values of the beans of that ref, by
-- name; whole numbers as integers.  It is looked for in
--   activities.lua of the folder, which returns a table of them by ref
--   moonlane.cpbm_activities, another such table
--
-- Every workflow has the fields tenant, transaction (what the rule saw) and
-- memo, and a lane for every lane that its activities name: a role such as
-- ROLE_FINANCE_CRUD is a lane.  A reset is the account management's, and the
-- operators' (C6.14).
local ml = require "moonlane"
local host = require "moonlane.host"
local told = require "moonlane.cpbm_notify"

local cpbm = {}

local FORMAT = 1
local LIBRARY = "moonlane.cpbm_activities"
local RESETTERS = { ROLE_ACCOUNT_MGMT = { en = "Account managers of the provider" } }

-- The items of one section, of all files.
local function items(files, section)
  local out = {}
  for i, file in ipairs(files) do
    if type(file) ~= "table" or file.format ~= FORMAT then
      error(("data file %d is none that moonlane import cpbm made for this version")
            :format(i), 0)
    end
    for _, item in ipairs(file[section] or {}) do out[#out + 1] = item end
  end
  return out
end

-- ---- activities ----

local function value_of(text)
  return text:match "^%-?%d+$" and math.tointeger(tonumber(text)) or text
end

local function settings_of(files)
  local by_ref = {}
  for _, bean in ipairs(items(files, "activities")) do
    local set = {}
    for _, pair in ipairs(bean.settings or {}) do set[pair[1]] = value_of(pair[2]) end
    by_ref[bean.ref] = set
  end
  return by_ref
end

local function maker_of(ref)
  local own = host.source "activities.lua" and require "activities"[ref]
  if own then return own end
  return host.source((LIBRARY:gsub("%.", "/")) .. ".lua") and require(LIBRARY)[ref]
end

-- ---- one workflow ----

local function add_new(list, seen, more)
  for _, item in ipairs(more or {}) do
    if item[1] == nil or not seen[item[1]] then
      if item[1] ~= nil then seen[item[1]] = true end
      list[#list + 1] = item
    end
  end
end

local function build(w, beans)
  local fields, has = {}, {}
  local lanes, settings = {}, {}
  add_new(fields, has, {
    { "tenant", "string", label = "Tenant" },
    { "transaction", "json", label = "Transaction" },
    { "memo", "text", chars = 255, label = "Memo" } })

  local function take(extra)
    add_new(fields, has, extra.fields)
    for id, v in pairs(extra.settings or {}) do settings[id] = settings[id] or v end
    for id, v in pairs(extra.lanes or {}) do lanes[id] = lanes[id] or v end
  end

  local function entry(bucket, a)
    local maker = maker_of(a.ref)
    if type(maker) ~= "function" then
      error(("workflow '%s', bucket %d, activity '%s': there is no implementation of '%s'")
            :format(w.name, bucket.order, a.name, a.ref), 0)
    end
    local made, extra = maker(a.name, beans[a.ref] or {})
    take(extra or {})
    if type(made) == "table" and type(made.lane) == "string" then
      lanes[made.lane] = lanes[made.lane] or made.lane
    end
    if type(made) == "table" and made["@kind"] == "task" and made.anew == nil then
      made.anew = true              -- any holder of the role may act
    end
    return made
  end

  local phases = {}
  for i, p in ipairs(w.phases) do
    local phase = { p.name }
    for _, at in ipairs(p.buckets) do
      local bucket = w.buckets[at]
      for _, a in ipairs(bucket.activities or {}) do
        phase[#phase + 1] = entry(bucket, a)
      end
    end
    phases[i] = phase
  end
  take { settings = told.settings, lanes = RESETTERS }
  return ml.workflow { w.name, fields = fields, lanes = lanes, settings = settings,
                       notify = told.notify, reset = { (next(RESETTERS)) },
                       new_first = true,      -- C6.1
                       phases = phases }
end

function cpbm.workflows(files)
  local beans, out = settings_of(files), {}
  for i, w in ipairs(items(files, "workflows")) do out[i] = build(w, beans) end
  return out
end

-- ---- rules ----

-- The text of a rule is data: the core compiles and evaluates it.
function cpbm.rules(files)
  local out = {}
  for i, r in ipairs(items(files, "rules")) do
    out[i] = { r.type, to = r.to, at = r.at, rule = r.rule }
  end
  return ml.rules(out)
end

return cpbm
