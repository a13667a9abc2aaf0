-- Started by the clock: each hour, and at noon unless that was missed.  The
-- world holds schedules back, but where they are what is looked at.
local ml = require "moonlane"

return ml.workflow { "tick",
  hosts  = { "peer.test" },
  fields = { { "plan", "string" } },
  start  = {
    ml.schedule { "hourly", every = "1h", data = { plan = "hourly" } },
    ml.schedule { "noon", daily = "12:00", missed = "skip", data = { plan = "noon" } },
  },
  phases = {
    { "go", ml.activity { "tell", retry = { 50, "5s..60s" }, run = function(ctx)
        ctx.http.post("https://peer.test/tick", { json = { plan = ctx.data.plan } })
      end } },
  },
}
