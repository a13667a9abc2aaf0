local t = require "moonlane.test"

t.it("a payment is booked and shipped", function(w)
  local before = w:start("unsafe", { order = "A-0" })
  before:comment("by hand", "private")
  w:pass "2h"
  local list = w:post("paid", { order = "A-1" })
  t.eq(#list, 1)
  t.eq(list[1].data.order, "A-1")
  list[1]:signal "shipped"
  t.eq(list[1].status, "COMPLETED")
  w:pass "1d"
  before:cancel "not needed"
end)

t.it("one by hand is shipped", function(w)
  local p = w:start("unsafe", { order = "B-1" })
  p:signal "shipped"
  t.eq(p.status, "COMPLETED")
end)
