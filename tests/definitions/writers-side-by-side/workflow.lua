local ml = require "moonlane"

return ml.workflow { "small",
  fields = { { "f_a", "string" } },
  phases = {
    { "one",
      ml.activity { "a", writes = { "f_a" }, run = function() end },
      ml.branch { "x", phases = { { "p",
        ml.activity { "b", writes = { "f_a" }, run = function() end } } } },
    },
  },
}
