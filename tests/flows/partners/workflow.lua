-- Orders between two engines as tests want them: bare, wrong, twice, with stages.
local ml = require "moonlane"

local function sync(label, more)
  local t = { label, link = "supplier", person = "sales@supplier.example", workflow = "taken" }
  for k, v in pairs(more or {}) do t[k] = v end
  return ml.partner_sync(t)
end

local function order(name, more)
  return ml.workflow { name,
    lanes    = { office = "Office" },
    fields   = { { "note", "string" }, { "secret_note", "string" }, { "who", "json" } },
    start    = { ml.form { "note", "secret_note", "who" } },
    phases   = {
      { "send", sync("send", more) },
      { "wait", ml.task { "wait", lane = "office", edit = { "note", "secret_note" },
                          outcomes = { "again", "done" } },
        next = { again = "send", done = ml.finish }, max = 20 },
    },
  }
end

local taken = ml.workflow { "taken",
  lanes  = { office = "Office" },
  fields = { { "memo", "string" }, { "client", "json" } },
  states = { "first", "second", start = "first" },
  start  = { ml.partner { "memo", client = "client" } },
  phases = { { "do", ml.task { "do", lane = "office", outcomes = { "done" } },
               next = { ml.finish } } },
}

-- A stage with actions in their order; the second may refuse the transition.
local stages = ml.workflow { "stages",
  fields = { { "filled", "string" }, { "trail", "string" } },
  states = { "old", "new", start = "old" },
  start  = { ml.form { "filled" } },
  phases = {
    { "first",  ml.activity { "first",  run = function(ctx) ctx.data.trail = "1" end } },
    { "gate",   ml.activity { "gate",   run = function(ctx)
        if not ctx.data.filled then ctx:fail "fill this field: filled" end
        ctx.data.trail = ctx.data.trail .. "2"
      end } },
    { "moved",  ml.activity { "moved",  run = function(ctx)
        ctx:state "new"
        ctx.data.trail = ctx.data.trail .. "3"
      end }, next = ml.finish },
  },
}

return {
  order("bare"),
  order("mapped",      { fields = { note = "memo" }, state = "second" }),
  order("client-only", { client_only = true }),
  order("with-client", { client = "who" }),
  order("no-person",   { person = "nobody@supplier.example" }),
  order("no-workflow", { workflow = "missing" }),
  order("no-state",    { state = "third" }),
  order("no-field",    { fields = { note = "unknown_key" } }),
  order("no-link",     { link = "stranger" }),
  taken, stages,
}
