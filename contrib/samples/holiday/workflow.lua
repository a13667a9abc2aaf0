local ml = require "moonlane"

local note = ml.activity { "note the answer", lane = "system",
  run = function(ctx)
    local word = ctx.data.granted and "granted" or "not granted"
    ctx:subject(("%d days for %s: %s"):format(ctx.data.days, ctx.data.who, word))
  end }

local grant = ml.activity { "grant", lane = "system",
  run = function(ctx) ctx.data.granted = true end }

return ml.workflow { "holiday",
  title  = "Ask for a holiday",
  lanes  = { system = "The engine", boss = "Whoever decides" },
  fields = {
    { "who",     "string",  required = true, label = "Who asks" },
    { "days",    "integer", required = true, label = "Days" },
    { "reason",  "text",    label = "Why not" },
    { "granted", "boolean", initial = false },
  },
  start  = { ml.form { "who!", "days!" } },
  phases = {
    { "decide", ml.task { "decision", lane = "boss", show = { "who", "days" }, edit = { "reason" },
                  due = "2d", outcomes = { "yes", { "no", need = { "reason" } } } },
                next = { yes = "grant", no = "answer" } },
    { "grant",  grant },
    { "answer", note },
  },
}
