local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "a", retry = { 1001, "5s" }, run = function() end } },
  },
}
