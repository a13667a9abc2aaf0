-- One calls the other, waits for its end and tells a peer.
local ml = require "moonlane"

local parent = ml.workflow { "parent",
  hosts  = { "peer.test" },
  fields = { { "tag", "string" } },
  phases = {
    { "call", ml.activity { "call", run = function(ctx)
        ctx:call("child", { ctag = ctx.data.tag })
      end } },
    { "tell", ml.activity { "tell", retry = { 50, "5s..60s" }, run = function(ctx)
        ctx.http.post("https://peer.test/parent", { json = { tag = ctx.data.tag } })
      end } },
  },
}

local child = ml.workflow { "child",
  hosts  = { "peer.test" },
  fields = { { "ctag", "string" } },
  phases = {
    { "work", ml.activity { "work", retry = { 50, "5s..60s" }, run = function(ctx)
        ctx.http.post("https://peer.test/child", { json = { tag = ctx.data.ctag } })
      end } },
  },
}

return { parent, child }
