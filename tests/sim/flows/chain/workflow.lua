-- Four steps by themselves; the third sends something out.
local ml = require "moonlane"

return ml.workflow { "chain",
  hosts  = { "peer.test" },
  fields = { { "tag", "string" }, { "n1", "integer" }, { "n2", "integer" },
             { "status", "integer" }, { "n4", "integer" } },
  phases = {
    { "one", ml.activity { "first", run = function(ctx) ctx.data.n1 = 1 end } },
    { "two", ml.activity { "second", run = function(ctx)
        ctx.data.n2 = ctx.data.n1 + 1
      end } },
    { "three", ml.activity { "send", retry = { 50, "5s..60s" }, run = function(ctx)
        local a = ctx.http.post("https://peer.test/three",
                                { json = { tag = ctx.data.tag, n = ctx.data.n2 } })
        ctx.data.status = a.status
      end } },
    { "four", ml.activity { "last", run = function(ctx)
        ctx.data.n4 = ctx.data.n2 + ctx.data.status
      end } },
  },
}
