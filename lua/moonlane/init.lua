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
builder("rules", "rules")
builder("webhook", "webhook")
builder("signature", "signature") -- how a webhook proves who sent it (model/hook.h)

-- The value of a setting where a definition takes one: every = ml.setting "x"
ml.setting = host.placed(function(place, name)
  if type(name) ~= "string" then
    error(place .. ": ml.setting takes the name of a setting: ml.setting \"name\"", 0)
  end
  return { ["@kind"] = "setting", ["@at"] = place, name }
end)

return ml
