local ml = require "moonlane"

local function hook(name, verify)
  return ml.webhook { name, verify = verify, rate = "60/m",
    receive = function(_, request)
      return { transactions = { { identity = request.id, data = {} } } }
    end }
end

return ml.workflow { "small",
  settings = { key = { "secret", required = true } },
  start  = {
    ml.form { rate = "10/m" },
    hook("standard", ml.signature { "standard", secret = ml.setting "key" }),
    hook("github", ml.signature { "github", secret = ml.setting "key" }),
    hook("stripe", ml.signature { "stripe", secret = ml.setting "key" }),
    hook("shopify", ml.signature { "shopify", secret = ml.setting "key" }),
    hook("slack", ml.signature { "slack", secret = ml.setting "key" }),
    hook("own", ml.signature { header = "X-Sign", algorithm = "sha512", encoding = "base64",
                               prefix = "a=", timestamp = "X-Time",
                               signed = "v2:{timestamp}:{body}:end",
                               secret = ml.setting "key" }),
    hook("unsigned"),
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
