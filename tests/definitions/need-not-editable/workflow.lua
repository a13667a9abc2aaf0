local ml = require "moonlane"

return ml.workflow { "small",
  lanes  = { desk = "Desk" },
  fields = { { "f_name", "string" }, { "f_memo", "text" } },
  phases = {
    { "one", ml.task { "t", lane = "desk", edit = { "f_name" },
        outcomes = { { "ok", need = { "f_memo" } } } }, next = ml.finish },
  },
}
