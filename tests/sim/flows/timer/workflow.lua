-- Two sleeps; what the clock said before and after them.
local ml = require "moonlane"

return ml.workflow { "timer",
  hosts  = { "peer.test" },
  fields = { { "tag", "string" }, { "t0", "integer" }, { "t1", "integer" },
             { "t2", "integer" } },
  phases = {
    { "sleep", ml.activity { "nap", run = function(ctx)
        local t0 = ctx:now()
        ctx:sleep("10m")
        ctx.data.t0, ctx.data.t1 = t0, ctx:now()
      end } },
    { "again", ml.activity { "nap again", retry = { 50, "5s..60s" }, run = function(ctx)
        ctx:sleep("3h")
        ctx.data.t2 = ctx:now()
        ctx.http.post("https://peer.test/awake", { json = { tag = ctx.data.tag } })
      end } },
  },
}
