-- A person decides, the result is sent.
local ml = require "moonlane"

return ml.workflow { "manual",
  hosts  = { "peer.test" },
  lanes  = { desk = { en = "Desk" } },
  fields = { { "tag", "string" }, { "answer", "string" } },
  phases = {
    { "ask", ml.task { "decide", lane = "desk", edit = { "answer" },
        due = "2d", remind = "1d", outcomes = { "yes", "no" } },
      next = { yes = "send", no = ml.finish } },
    { "send", ml.activity { "send", retry = { 50, "5s..60s" }, run = function(ctx)
        ctx.http.post("https://peer.test/decided",
                      { json = { tag = ctx.data.tag, answer = ctx.data.answer } })
      end } },
  },
}
