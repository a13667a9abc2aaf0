-- Two side by side; the next step must wait for both.
local ml = require "moonlane"

local function send(name)
  return ml.activity { name, retry = { 50, "5s..60s" }, run = function(ctx)
    ctx.http.post("https://peer.test/" .. name, { json = { tag = ctx.data.tag, who = name } })
    ctx.http.post("https://peer.test/" .. name, { json = { tag = ctx.data.tag, who = name, again = true } })
  end }
end

return ml.workflow { "pair",
  hosts  = { "peer.test" },
  fields = { { "tag", "string" } },
  phases = {
    { "both", send "left", send "right" },
    { "after", send "after" },
  },
}
