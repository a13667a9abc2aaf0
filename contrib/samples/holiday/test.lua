local t = require "moonlane.test"

t.it("a yes is a yes", function(w)
  w:people { boss = { "kim" } }
  local p = w:start("holiday", { who = "lee", days = 3 })
  w:as("kim"):complete("decision", "yes")
  t.eq(p.status, "COMPLETED")
  t.eq(p.subject, "3 days for lee: granted")
end)

t.it("a no needs a reason", function(w)
  w:people { boss = { "kim" } }
  local p = w:start("holiday", { who = "lee", days = 30 })
  t.raises(function() w:as("kim"):complete("decision", "no") end, "reason")
  w:as("kim"):complete("decision", "no", { reason = "who would feed the cat?" })
  t.eq(p.subject, "30 days for lee: not granted")
end)
