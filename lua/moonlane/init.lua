-- moonlane: what workflow.lua, its activities and rules.lua are written with.
--
--   local ml = require "moonlane"
--   return ml.workflow { "name", fields = {...}, phases = {...} }
--
-- A builder makes nothing but a marked table: "@kind" says which builder it
-- was, "@at" the place of the call ("workflow.lua:12").  moonlane.define
-- turns the marked tables into the tree that the core checks.
--
-- host is given by the worker; scripts of authors cannot require it.  What
-- the builders and define need of it:
--   host.placed(f)  a function that calls f(place, ...)   (src/script/place.h)
--   host.null       the value that stands for JSON null
--   host.array(t)   marks t as a list, so that {} stays []
local host = require "moonlane.host"
local registry = require "moonlane.registry"

local ml = {
  api = 1,                          -- the interface this library is for
  null = host.null,
  array = host.array,
  join = { ["@kind"] = "join" },    -- next: the branch ends here
  finish = { ["@kind"] = "finish" } -- next: the process ends here
}

local function builder(name, kind)
  ml[name] = host.placed(function(place, t, more)
    if type(t) ~= "table" or more ~= nil then
      error(("%s: ml.%s takes one table: ml.%s { ... }"):format(place, name, name), 0)
    end
    if t["@kind"] ~= nil then
      error(("%s: ml.%s was given what ml.%s made"):format(place, name, t["@kind"]), 0)
    end
    t["@kind"] = kind
    t["@at"] = place
    return t
  end)
end

builder("workflow", "workflow")
builder("activity", "activity")     -- work done by a function
builder("task", "task")             -- work done by a person: a form
builder("receive", "receive")       -- waits for a signal from outside
builder("branch", "branch")
builder("form", "form")             -- triggers
builder("http", "http")
builder("schedule", "schedule")
builder("partner", "partner")       -- a partner may start it, with these fields
builder("rules", "rules")
builder("webhook", "webhook")
builder("signature", "signature") -- how a webhook proves who sent it (model/hook.h)

-- The value of a setting where a definition takes one: every = ml.setting "x";
-- an integer in a unit: give_up = ml.setting("hours", "1h")
ml.setting = host.placed(function(place, name, unit)
  if type(name) ~= "string" or (unit ~= nil and type(unit) ~= "string") then
    error(place .. ": ml.setting takes the name of a setting, and perhaps a unit: "
          .. "ml.setting \"name\", ml.setting(\"name\", \"1h\")", 0)
  end
  return { ["@kind"] = "setting", ["@at"] = place, name, unit = unit }
end)

-- An action of a phase: have this process made at a partner's, and share it
-- from then on (src/run/partner.h).  Settings, the first three needed:
--   link         the partner, as `moonlane partner` names it
--   person       the e-mail address of who is to have it there
--   workflow     the workflow there
--   state        the state it begins in there; else that workflow's start
--   client_only  true: only comments a client may read cross
--   client       the client goes along: a field that holds { name, email, phone },
--                or a function of ctx that gives such; else the client there is
--                who began it here
--   fields       { our_field = "key_there" }
-- retry, timeout, give_up are those of an activity.  Each value may be
-- ml.setting "name".
local sync_keys = { "link", "person", "workflow", "state", "client_only", "client",
                    "fields" }

local function sync_value(ctx, v)
  if type(v) == "table" and v["@kind"] == "setting" then return ctx.settings[v[1]] end
  return v
end

ml.partner_sync = host.placed(function(place, t, more)
  if type(t) ~= "table" or more ~= nil then
    error(place .. ": ml.partner_sync takes one table: ml.partner_sync { \"label\", ... }", 0)
  end
  local want = {}
  for _, k in ipairs(sync_keys) do
    want[k], t[k] = t[k], nil
  end
  for _, k in ipairs { "link", "person", "workflow" } do
    if want[k] == nil then
      error(("%s: ml.partner_sync needs %s"):format(place, k), 0)
    end
  end
  if want.fields ~= nil and type(want.fields) ~= "table" then
    error(place .. ": fields is a table: { our_field = \"key_there\" }", 0)
  end
  t.retry = t.retry or { 1000, "2s..30m" }
  t.run = function(ctx)
    local order = {}
    for k, v in pairs(want) do order[k] = sync_value(ctx, v) end
    if type(order.client) == "function" then
      order.client = order.client(ctx)
    elseif type(order.client) == "string" then
      order.client = ctx.data[order.client]
    end
    ctx:order(order)
  end
  t["@kind"], t["@at"] = "activity", place
  return t
end)

-- A type of transactions besides the built-in ones, in workflow.lua or in a
-- file of rules: ml.transaction "orderPlaced"
ml.transaction = host.placed(function(place, name, more)
  if type(name) ~= "string" or more ~= nil then
    error(place .. ": ml.transaction takes a type: ml.transaction \"orderPlaced\"", 0)
  end
  registry.add(name, place)
  return { ["@kind"] = "transaction", ["@at"] = place, name }
end)

-- ctx:emit, for code that has no ctx at hand
function ml.emit(...) return require("moonlane.ctx").emit(...) end

return ml
