-- lead: somebody who may buy.  No phases: it is worked upon until somebody ends
-- it, and its state goes where the graph lets it.
local ml = require "moonlane"

local function full_name(data)
  local first, last = data.first_name or "", data.last_name or ""
  local name = (first .. " " .. last):match "^%s*(.-)%s*$"
  return name ~= "" and name or nil
end

-- The next action is due: whoever has the lead is told, and gets three days more.
local remind = ml.activity { "remind",
  run = function(ctx)
    ctx.data.reminders = (ctx.data.reminders or 0) + 1
    ctx:comment(("%s is due"):format(ctx.data.full_name or ctx.data.lead_id))
  end }

return ml.workflow { "lead",
  title  = { en = "Lead", ja = "リード" },
  entity = "contact",
  roles  = { "sales", "manager" },
  fields = {
    { "lead_id",    "string", required = true, search = true, label = "Lead" },
    { "source",     "string", search = true, label = "Where it came from" },
    { "first_name", "string", search = true, label = "First name" },
    { "last_name",  "string", search = true, label = "Last name" },
    { "phone_num",  "phone", search = true, label = "Telephone" },
    { "email",      "email", search = true },
    { "score",      "integer", search = true, initial = 0 },
    { "note",       "text" },
    { "reminders",  "integer", initial = 0 },
    { "full_name",  "string", search = true, derive = full_name },
  },
  primary_key = "lead_id",
  primary_identifier = "lead_id",
  states = {
    { "New", description = "Nobody has called yet", color = "#1f77b4", tasks = { "call" } },
    { "In-Progress", color = "#ff7f0e", tasks = { "call", "visit" } },
    { "NOT_INTERESTED", color = "#7f7f7f" },
    { "Converted", color = "#2ca02c" },
    start = "New", completed = "Converted",
    graph = { New = { "In-Progress", "NOT_INTERESTED" },
              ["In-Progress"] = { "Converted", "NOT_INTERESTED" },
              NOT_INTERESTED = { "In-Progress" } },
  },
  before_create = {
    { "a lead can be reached", when = function(c) return not c.data.phone_num and not c.data.email
        and c.data.source == "web-form" end,
      refuse = "a lead from the web form needs a telephone number or an e-mail address" },
  },
  before_update = {
    { "a converted lead keeps its telephone number",
      when = function(c) return c.was_state == "Converted" and c.changed "phone_num" end,
      refuse = "the telephone number of a converted lead stays as it is" },
  },
  after_update = {
    { "thank who converted it", when = function(c) return c.changed_to("state", "Converted") end,
      run = function(ctx) ctx:comment(ctx.data.full_name .. " was converted", { visibility = "shared" }) end },
    { "not yet in use", active = false, run = function(ctx) ctx:fail "it is not active" end },
  },
  on_next_action = remind,
}
