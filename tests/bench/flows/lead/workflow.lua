-- W9: leads as objects; what contrib/leads makes a million of.
local ml = require "moonlane"

return ml.workflow { "lead",
  fields = {
    { "lead_id", "string", search = true },
    { "source", "select", search = true,
      of = { "web-form", "fair", "call", "partner", "campaign" } },
    { "score", "integer", search = true },
    { "first_name", "string" }, { "last_name", "string" }, { "phone_num", "phone" },
  },
  primary_key = "lead_id",
  states = { "New", "In-Progress", "Converted", start = "New" } }
