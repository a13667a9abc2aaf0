-- Branches with steps of their own, one of them only sometimes, and a loop.
local ml = require "moonlane"

return ml.workflow { "split",
  hosts  = { "peer.test" },
  lanes  = { desk = { en = "Desk" } },
  fields = { { "tag", "string" }, { "size", "integer" }, { "rounds", "integer", initial = 0 } },
  phases = {
    { "parts",
      ml.branch { "work", phases = {
        { "make", ml.activity { "make", outcomes = { "more" }, retry = { 50, "5s..60s" },
            run = function(ctx)
              ctx.http.put("https://peer.test/make", { json = { tag = ctx.data.tag, round = ctx.data.rounds } })
              ctx.data.rounds = ctx.data.rounds + 1
              if ctx.data.rounds < 3 then return "more" end
            end },
          max = 10, next = { more = "make", done = ml.join } } } },
      ml.branch { "check", when = function(p) return p.data.size > 5 end, phases = {
        { "look", ml.task { "look", lane = "desk", outcomes = { "fine" } }, next = { fine = ml.join } } } } },
    { "end", ml.activity { "end", retry = { 50, "5s..60s" }, run = function(ctx)
        ctx.http.post("https://peer.test/end", { json = { tag = ctx.data.tag } })
      end } },
  },
}
