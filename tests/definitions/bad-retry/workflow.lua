local ml = require "moonlane"

return ml.workflow { "small",
  phases = {
    { "one", ml.activity { "a", retry = { 8, "5s.10m" }, run = function() end } },
  },
}
