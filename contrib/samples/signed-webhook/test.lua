local t = require "moonlane.test"

local SECRETS = { hook_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  github_secret = "It's a Secret to Everybody", stripe_secret = "whsec_plain text",
  shopify_secret = "hush", slack_secret = "8f742231b10e8888abcd99yyyzzz85a5",
  own_secret = "old key\nnew key" }
local HOOKS = { "paid", "pushed", "charged", "bought", "said", "other" }

for _, hook in ipairs(HOOKS) do
  t.it(hook .. ": a right signature starts a process, a wrong one nothing", function(w)
    w:settings(SECRETS)
    local list = w:post(hook, { order = "A-1" }, { sign = true })
    t.eq(#list, 1)
    t.eq(list[1].data.q_order, "A-1")
    t.raises(function() w:post(hook, { order = "A-2" }) end, "")
    t.raises(function() w:post(hook, { order = "A-3" },
      { headers = { ["X-Hub-Signature-256"] = "sha256=" .. ("0"):rep(64) } }) end, "")
    t.eq(#w:processes "payment", 1)
  end)

  t.it(hook .. ": the same message a second time is refused", function(w)
    w:settings(SECRETS)
    local at = w:now()
    w:post(hook, { order = "A-1" }, { sign = true, id = "m1", at = at })
    t.raises(function()
      w:post(hook, { order = "A-1" }, { sign = true, id = "m1", at = at })
    end, "taken already")
    t.eq(#w:post(hook, { order = "A-2" }, { sign = true, id = "m2", at = at }), 1)
    t.eq(#w:processes "payment", 2)
  end)

  t.it(hook .. ": without its secret it is shut", function(w)
    t.raises(function() w:post(hook, { order = "A-1" }, { sign = true }) end, "no value")
    t.raises(function() w:post(hook, { order = "A-1" }) end, "no value")
    t.eq(#w:processes "payment", 0)
  end)
end

for _, hook in ipairs { "paid", "charged", "said", "other" } do
  t.it(hook .. ": five minutes early or late is enough, more is not", function(w)
    w:settings(SECRETS)
    local now = w:now()
    t.eq(#w:post(hook, { order = "A-1" }, { sign = true, at = now - 300000 }), 1)
    t.eq(#w:post(hook, { order = "A-2" }, { sign = true, at = now + 300000 }), 1)
    t.raises(function()
      w:post(hook, { order = "A-3" }, { sign = true, at = now - 301000 })
    end, "away from now")
    t.raises(function()
      w:post(hook, { order = "A-4" }, { sign = true, at = now + 301000 })
    end, "away from now")
    t.eq(#w:processes "payment", 2)
  end)
end

t.it("github: the published example", function(w)
  w:settings(SECRETS)
  t.raises(function()
    w:post("pushed", "Hello, World!", { headers = { ["X-Hub-Signature-256"] =
      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" } })
  end, "attempt to index")          -- it is let in; the body is no JSON
  t.raises(function()
    w:post("pushed", "Hello, World?", { headers = { ["X-Hub-Signature-256"] =
      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" } })
  end, "no signature fits")
end)

t.it("what a request made no process of may come again", function(w)
  w:settings(SECRETS)
  local at = w:now()
  t.raises(function() w:post("paid", "no JSON", { sign = true, id = "m1", at = at }) end,
    "attempt to index")
  t.eq(#w:post("paid", { order = "A-1" }, { sign = true, id = "m1", at = at }), 1)
end)

t.it("a standard id is known for a day, a signature as long as it is good", function(w)
  w:settings(SECRETS)
  w:post("paid", { order = "A-1" }, { sign = true, id = "m1" })
  w:pass "23h"
  t.raises(function() w:post("paid", { order = "A-1" }, { sign = true, id = "m1" }) end,
    "taken already")
  w:post("bought", { order = "B-1" }, { sign = true })
  w:pass "23h"
  t.raises(function() w:post("bought", { order = "B-1" }, { sign = true }) end,
    "taken already")
end)
