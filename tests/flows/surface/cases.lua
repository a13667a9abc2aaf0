local ml = require "moonlane"

return {
  plain   = function(ctx) ctx.data.got = { x = 1, list = ml.array {}, none = ml.null } end,
  human   = function() return "human" end,
  wrong   = function() return "nowhere" end,
  raise   = function() local t = nil; return t.x end,
  fail    = function(ctx) ctx.data.amount = 7; ctx:fail "not today" end,
  retry   = function(ctx) ctx.data.amount = 7; ctx:retry("not yet", "10m") end,
  empty   = function(ctx) ctx.data.must = nil end,
  clear   = function(ctx) ctx.data:clear "must" end,
  choice  = function(ctx) ctx.data.kind = "c" end,
  unknown = function(ctx) ctx.data.nothing = 1 end,
  sleep   = function(ctx) local a = ctx:now(); ctx:sleep "2h"; ctx.data.got = ctx:now() - a end,
  await   = function(ctx) ctx.data.got = ctx:await("paid", { within = "1d" }) or "late" end,
  ask     = function(ctx)
    local a = ctx:ask { "which?", lane = "office", outcomes = { "left", "right" } }
    ctx.data.got = { a.outcome, a.who, a.data.why }
  end,
  call    = function(ctx)
    local got = ctx:call("child", { n = ctx.data.amount })
    ctx.data.got = { got.status, got.data.twice }
  end,
  start   = function(ctx) ctx.data.got = ctx:start("child", { n = 1 }) end,
  nobody  = function(ctx) ctx:call("no such workflow", {}) end,
  held    = function(ctx)
    ctx:subject "a subject"
    ctx:state "busy"
    ctx:assign "aiko"
    ctx:comment("for the client", { visibility = "client" })
    ctx:log("a line", 2)
    ctx:sleep "1m"
    ctx:log "behind the sleep"
  end,
  leap    = function(ctx) ctx:state "done" end,
  step    = function(ctx)
    local a = ctx:step("pick", function() return { n = 41 } end)
    ctx:sleep "1m"
    ctx.data.got = { a.n + 1, ctx:uuid(), ctx:uuid(), ctx:random(1, 6) }
  end,
  posts   = function(ctx)
    ctx.http.post(ctx.settings.api .. "/a", { json = { n = 1 } })
    ctx.http.post(ctx.settings.api .. "/a", { json = { n = 2 }, name = "second" })
  end,
  get     = function(ctx)
    local a = ctx.http.get(ctx.settings.api .. "/a", { headers = { ["X-Key"] = ctx.settings.key } })
    ctx.data.got = { a.status, a.json and a.json.v, a.headers["x-a"] }
  end,
  raw     = function(ctx)
    local a = ctx.http.get(ctx.settings.api .. "/a", { raw = true })
    ctx.data.got = { a.status, a.error }
  end,
  abroad  = function(ctx) ctx.http.get "https://elsewhere.example/" end,
  settings = function(ctx) ctx.data.got = ctx.settings.note end,
  loop    = function() while true do end end,
}
