-- ticket: somebody needs help.  It is given to somebody, solved, and may be
-- opened again.
local ml = require "moonlane"

return ml.workflow { "ticket",
  title  = { en = "Ticket", ja = "チケット" },
  entity = "contact",
  roles  = { "support" },
  fields = {
    { "ticket_no", "integerId", required = true, search = true, label = "Number" },
    { "title",     "string", required = true, search = true, label = "What is wrong" },
    { "details",   "text" },
    { "email",     "email", search = true },
    { "priority",  "integerEnum", of = { { 1, en = "High" }, { 2, en = "Normal" }, { 3, en = "Low" } },
      initial = 2, search = true },
    { "answer",    "text", label = "How it was solved" },
    { "age_class", "string", derive = function(data) return data.priority == 1 and "hot" or "calm" end },
  },
  primary_key = "ticket_no",
  primary_identifier = "title",
  states = {
    "New", "Assigned", { "Solved", tasks = { "call back" } },
    start = "New", completed = "Solved",
    graph = { { "New", "Assigned" }, { "Assigned", "New" }, { "Assigned", "Solved" },
              { "Solved", "Assigned" } },
  },
  before_update = {
    { "somebody must have it", when = function(c) return c.changed_to("state", "Assigned") end,
      refuse = function(c) return c.assignedTo == nil and "an assigned ticket is assigned to somebody" or nil end },
    { "an answer is given", when = function(c) return c.changed_to("state", "Solved") end,
      refuse = function(c) return not c.data.answer and "say in 'answer' how it was solved" or nil end },
  },
  after_create = {
    { "hot ones are looked at soon", when = function(c) return c.data.age_class == "hot" end,
      run = function(ctx) ctx:comment "this one is hot" end },
  },
}
