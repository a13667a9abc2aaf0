local t = require "moonlane.test"

local function ticket(w, more)
  local data = { ticket_no = 7, title = "no light" }
  for k, v in pairs(more or {}) do data[k] = v end
  return w:start("ticket", data)
end

t.it("a ticket goes from New to Solved, and is completed by nobody but a person", function(w)
  local p = ticket(w)
  t.eq(p.state, "New")
  p:set({}, { assignedTo = "ann", state = "Assigned" })
  p:set({ answer = "a new bulb" }, { state = "Solved" })
  t.eq(p.state, "Solved")
  t.eq(p.status, "OPEN")
  p:set({}, { status = "COMPLETED" })
  t.eq(p.status, "COMPLETED")
end)

t.it("Assigned needs somebody, Solved an answer; a refusal changes nothing", function(w)
  local p = ticket(w)
  t.raises(function() p:set({}, { state = "Assigned" }) end, "assigned to somebody")
  t.eq(p.state, "New")
  p:set({}, { assignedTo = "ann", state = "Assigned" })
  t.raises(function() p:set({ title = "dark" }, { state = "Solved" }) end, "how it was solved")
  t.eq(p.data.title, "no light")
end)

t.it("a hot ticket is commented on, a calm one is not", function(w)
  local hot, calm = ticket(w, { priority = 1 }), ticket(w, { ticket_no = 8 })
  t.eq(hot.data.age_class, "hot")
  t.eq(#hot:comments(), 1)
  t.eq(#calm:comments(), 0)
  hot:set { priority = 3 }
  t.eq(hot.data.age_class, "calm")
end)

t.it("a number is taken once, and a priority is one of three", function(w)
  ticket(w)
  t.raises(function() ticket(w) end, "primary key")
  t.raises(function() ticket(w, { ticket_no = 9, priority = 4 }) end, "priority")
end)
