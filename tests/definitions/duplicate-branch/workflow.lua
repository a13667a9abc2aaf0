local ml = require "moonlane"

return ml.workflow { "small",
  phases = { { "one",
    ml.branch { "x", phases = { { "p", ml.activity { "a", run = function() end } } } },
    ml.branch { "x", phases = { { "p", ml.activity { "b", run = function() end } } } },
  } },
}
