-- tiny: one of each thing that the command line shows: work by the engine, a
-- task for people, a signal, and an activity that breaks until it is helped.
local ml = require "moonlane"

local check = ml.activity { "check", lane = "system",
  run = function(ctx)
    while ctx.data.word == "spin" do end      -- until the engine stops it
    ctx:subject("order " .. ctx.data.word)
    ctx:log("checked", ctx.data.word)
  end }

local pack = ml.task { "pack", lane = "desk", node = 2,
  title = { en = "Packing", ja = "梱包" },
  show = { "word" }, edit = { "count", "note" },
  outcomes = { { "packed", en = "Packed", need = { "count" } },
               { "broken", en = "Broken", need = { "note" } } } }

local fragile = ml.activity { "fragile", lane = "system",
  run = function(ctx)
    if ctx.data.note == "drop it" then error "it fell" end
    if ctx.data.note == "refuse" then ctx:fail "nobody wants it" end
  end }

return ml.workflow { "tiny",
  title    = { en = "Tiny", ja = "小さな例" },
  lanes    = { system = "The engine", desk = { en = "The desk", ja = "窓口" } },
  settings = { word = { "string", default = "hello" }, many = { "integer" },
               key = { "secret" } },
  fields   = {
    { "word", "string", required = true },
    { "count", "integer" },
    { "note", "text" },
    { "hidden", "string", sealed = true },
    { "sum", "integer" },
  },
  start    = {
    ml.form { "word!", "note", "hidden" },
    { kind = "poll", name = "look", every = "1d",
      run = function(ctx, state)      -- a new one each time, once there is a number
        local n = (state and state.n or 0) + 1
        if not ctx.settings.many then return { transactions = {} } end
        return { state = { n = n },
                 transactions = { { identity = "n" .. n, data = { word = "polled" } } } }
      end },
  },
  phases   = {
    { "checked", check },
    { "desk", pack, next = { packed = "ship", broken = "checked" }, max = 3 },
    { "ship", fragile },
    { "money", ml.receive { "paid", edit = { "sum" } } },
  },
}
