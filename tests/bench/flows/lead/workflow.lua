-- W9: leads that wait for a person; what contrib/leads makes a million of.
local ml = require "moonlane"

return ml.workflow { "lead",
  lanes  = { sales = "Sales" },
  fields = {
    { "lead_id", "string", search = true },
    { "source", "select", search = true,
      of = { "web-form", "fair", "call", "partner", "campaign" } },
    { "score", "integer", search = true },
    { "first_name", "string" }, { "last_name", "string" }, { "phone_num", "phone" },
  },
  start  = { ml.form { "lead_id", "source", "score", "first_name", "last_name", "phone_num" } },
  phases = { { "work", ml.task { "call", lane = "sales", outcomes = { "won", "lost" } },
               next = ml.finish } } }
