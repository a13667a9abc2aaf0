local t = require "moonlane.test"

local cixin = { lead_id = "LEAD-910", first_name = "Cixin", last_name = "Liu" }

t.it("the full name is derived, and follows what it reads", function(w)
  local p = w:start("lead", cixin)
  t.eq(p.data.full_name, "Cixin Liu")
  p:set { first_name = "Ken" }
  t.eq(p.data.full_name, "Ken Liu")
  t.raises(function() p:set { full_name = "Somebody Else" } end, "derived")
end)

t.it("a state goes where the graph lets it, and says where", function(w)
  local p = w:start("lead", cixin)
  t.raises(function() p:set({}, { state = "Converted" }) end, "allowed: New, In-Progress, NOT_INTERESTED")
  t.eq(p.state, "New")
  p:set({}, { state = "In-Progress" })
  p:set({}, { state = "Converted" })
  t.eq(p.status, "OPEN")
  t.eq(p:comments()[1].text, "Cixin Liu was converted")
end)

t.it("a converted lead keeps its telephone number", function(w)
  local p = w:start("lead", cixin)
  p:set({ phone_num = "440123000" }, { state = "In-Progress" })
  p:set({}, { state = "Converted" })
  t.raises(function() p:set { phone_num = "440123999" } end, "stays as it is")
  t.eq(p.data.phone_num, "440123000")
  p:set { note = "happy" }
end)

t.it("a lead of the web form can be reached", function(w)
  t.raises(function() w:start("lead", { lead_id = "L-1", source = "web-form" }) end, "e-mail")
  w:start("lead", { lead_id = "L-1", source = "web-form", email = "a@b.example" })
end)

t.it("the next action is due once; moved, it is due then", function(w)
  local p = w:start("lead", cixin)
  p:set({}, { nextActionAt = w:now() + 3600000 })
  p:set({}, { nextActionAt = w:now() + 7200000 })
  w:pass "90m"
  t.eq(p.data.reminders, 0)
  w:pass "1h"
  t.eq(p.data.reminders, 1)
  w:pass "3d"
  t.eq(p.data.reminders, 1)
end)
