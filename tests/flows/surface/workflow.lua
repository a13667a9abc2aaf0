-- What scripts and tests may do, each case small: `ask` names it.
local ml    = require "moonlane"
local cases = require "cases"

local surface = ml.workflow { "surface",
  lanes    = { system = "System", office = "Office", review = "Review" },
  settings = { api = { "url", default = "https://api.example" }, key = { "secret" }, note = { "string" } },
  fields   = { { "ask", "string" }, { "must", "string", required = true }, { "got", "json" },
               { "amount", "integer" }, { "kind", "select", of = { "a", "b" } }, { "pin", "string", sealed = true },
               { "at", "datetime" } },
  states   = { "new", "busy", "done", start = "new", moves = { { "new", "busy" }, { "busy", "done" } } },
  start    = { ml.form { "ask!", "must", "amount", "pin" } },
  phases   = {
    { "run", ml.activity { "run", lane = "system", retry = { 3, "1m" }, outcomes = { "human" },
      run = function(ctx) return cases[ctx.data.ask](ctx) end }, next = { human = "people", done = ml.finish } },
    { "people", ml.task { "check", lane = "office", edit = { "amount", "kind!" }, due = "2d", remind = "1d",
                          outcomes = { { "ok", en = "Fine" }, { "back", need = {} } } },
      next = { ok = "second", back = "people" }, max = 3 },
    { "second", ml.task { "second look", lane = "review", exclude = "office", edit = { "amount" },
                          outcomes = { "done" } }, next = ml.finish },
  },
}

local child = ml.workflow { "child",
  lanes  = { system = "System", office = "Office" },
  fields = { { "n", "integer" }, { "twice", "integer" } },
  start  = { ml.form { "n!" } },
  phases = {
    { "work", ml.activity { "work", lane = "system",
      run = function(ctx)
        if ctx.data.n < 0 then ctx:sleep "1h" end
        ctx.data.twice = 2 * ctx.data.n
      end }, next = ml.finish },
  },
}

local nightly = ml.workflow { "nightly",
  fields = { { "n", "integer" } },
  start  = { ml.schedule { "night", daily = "02:30", zone = "Europe/Berlin", missed = "once", data = { n = 20 } } },
  phases = { { "work", ml.activity { "work", run = function(ctx) ctx.data.n = ctx.data.n + 1 end }, next = ml.finish } },
}

return { surface, child, nightly }
