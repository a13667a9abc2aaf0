-- Every way of writing a thing once.
local ml = require "moonlane"

local hold = ml.activity { "hold", run = function() end,
  is_complete = function() return true end, ask = "1m", give_up = "72h",
  undo = function() end, outcomes = { "late", { "never", en = "Never" } },
  timeout = "f_when", writes = { "f_text" } }

return ml.workflow { "shapes",
  title    = "Shapes",
  lanes    = { { "desk", en = "Desk" }, { "boss", title = "The boss" }, },
  settings = { limit = { "integer", default = 3 }, note = { "text" } },
  fields   = {
    { "f_text", "string", short = "t", max = 200, initial = "x" },
    { "f_list", "multi", of = { "a", { "b", en = "B", ja = "ビー" } },
      initial = { "b", "a" } },
    { "f_when", "datetime", initial = "2026-03-01T09:30:00+09:00" },
    { "f_json", "json", initial = { b = 1, a = { true, ml.null } } },
    { "f_empty", "json", initial = ml.array {} },
  },
  states   = { "new", { "won", en = "Won" }, "lost", start = "new",
               moves = { new = { "won", "lost" }, lost = "new" } },
  hosts    = { "api.example.com", "localhost:8443" },
  start    = { ml.form { name = "begin", "f_text!" },
               ml.http { "in", form = { "f_text!", "f_list" } },
               ml.http { "short", "f_text" },
               ml.schedule { "nightly", daily = "02:30", zone = "+09:00", missed = "once" },
               { kind = "webhook", name = "hook", receive = function() end } },
  phases   = {
    { "hold", hold, next = { late = "choose", never = ml.finish, "signal" } },
    { "signal", ml.receive { "paid", edit = { "f_text" }, timeout = "3 days" } },
    { "maybe", ml.activity { "m", run = function() end },
      when = function() return false end },
    { "choose", max = 3,
      ml.task { "pick", lane = "desk", exclude = "boss", anew = true, due = "3 days",
        remind = "1d", edit = { "f_text!", "f_list" },
        outcomes = { "again", { "ok", en = "Fine", need = {} } } },
      next = { again = "hold", ok = ml.finish } },
  },
}
