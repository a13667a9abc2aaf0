-- A peer that is not ready at first; then two calls that must not be mixed up.
local ml = require "moonlane"

return ml.workflow { "retry",
  hosts  = { "peer.test" },
  fields = { { "tag", "string" }, { "id", "string" } },
  phases = {
    { "reserve", ml.activity { "reserve", retry = { 50, "5s..2m" }, timeout = "20s", run = function(ctx)
        local id = ctx:uuid()
        local r = ctx:step("price", function() return { net = 7 } end).net + ctx:random(1000)
        ctx.http.get("https://peer.test/stock")
        ctx.http.post("https://peer.test/unready", { json = { tag = ctx.data.tag, id = id, r = r } })
        ctx.http.put("https://peer.test/book", { json = { tag = ctx.data.tag, id = id } })
        ctx.data.id = id
      end } },
    { "close", ml.activity { "close", run = function() end } },
  },
}
