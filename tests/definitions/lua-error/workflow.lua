local ml = require "moonlane"
local kinds = nil

return ml.workflow { "small",
  fields = { { "f_a", kinds.text } },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
