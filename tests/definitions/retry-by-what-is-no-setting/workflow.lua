local ml = require "moonlane"

return ml.workflow { "small",
  settings = { hours = { "integer", default = 1 }, word = { "string", default = "x" } },
  phases = {
    { "one", ml.activity { "a", retry = { ml.setting "often", "1h" }, run = function() end } },
    { "two", ml.activity { "b", retry = { ml.setting "word", "1h" }, run = function() end } },
    { "three", ml.activity { "c", retry = { 3, ml.setting "hours" }, run = function() end } },
    { "four", ml.activity { "d", give_up = ml.setting("hours", "an hour"), run = function() end } },
    { "five", ml.activity { "e", retry = { -1, ml.setting("hours", "1h") }, run = function() end } },
    { "six", ml.activity { "f", retry = { ml.setting "hours", "soon" }, run = function() end } },
  },
}
