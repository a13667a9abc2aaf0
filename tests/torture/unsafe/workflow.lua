-- unsafe: what authors get wrong when they believe that everything comes once.
local ml = require "moonlane"

-- A payment is known by a number made here, not by the sender's: the same notice
-- a second time is another payment.
local function by_our_number(ctx, request)
  return { transactions = { { identity = ctx:uuid(),
    data = { order = request.json.order } } } }
end

return ml.workflow { "unsafe",
  fields = { { "order", "string" } },
  start = { ml.webhook { "paid", receive = by_our_number } },
  phases = { { "booked", ml.receive { "wait", signal = "shipped" } } },
}
