-- W2, W3, W6: a process that waits for a person.
local ml = require "moonlane"

return ml.workflow { "park",
  lanes  = { desk = "The desk" },
  fields = {
    { "word", "string" }, { "text", "string" }, { "count", "integer" },
    { "more", "string" }, { "note", "string" },
  },
  phases = {
    { "decide", ml.task { "decide", lane = "desk", show = { "word", "text" }, edit = { "note" },
        outcomes = { "yes", "no" } },
      next = ml.finish },
  },
}
