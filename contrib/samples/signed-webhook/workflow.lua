-- Webhooks that prove who sent them: one line each.  The secret is a setting
-- (`moonlane setting payment hook_secret --stdin`); the core compares, no script
-- sees it, and what does not fit starts nothing.
local ml = require "moonlane"

-- A signed request has an id: one message starts one process.
local function paid(_, request)
  return { transactions = { { identity = request.id,
    data = { q_order = request.json.order } } } }
end

local function secret(name) return ml.setting(name) end

return ml.workflow { "payment",
  settings = { hook_secret = "secret", github_secret = "secret",
               stripe_secret = "secret", shopify_secret = "secret",
               slack_secret = "secret", own_secret = "secret" },
  fields = { { "q_order", "string" } },
  start = {
    ml.webhook { "paid", receive = paid, rate = "60/m",
      verify = ml.signature { "standard", secret = secret "hook_secret" } },
    ml.webhook { "pushed", receive = paid,
      verify = ml.signature { "github", secret = secret "github_secret" } },
    ml.webhook { "charged", receive = paid,
      verify = ml.signature { "stripe", secret = secret "stripe_secret" } },
    ml.webhook { "bought", receive = paid,
      verify = ml.signature { "shopify", secret = secret "shopify_secret" } },
    ml.webhook { "said", receive = paid,
      verify = ml.signature { "slack", secret = secret "slack_secret" } },
    ml.webhook { "other", receive = paid,
      verify = ml.signature { header = "X-Sign", algorithm = "sha512", encoding = "base64",
        prefix = "v2=", timestamp = "X-Time", signed = "{timestamp}.{body}",
        secret = secret "own_secret" } },
  },
  phases = { { "booked", ml.receive { "wait", signal = "shipped" } } },
}
