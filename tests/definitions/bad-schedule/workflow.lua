local ml = require "moonlane"

return ml.workflow { "small",
  fields = { { "n", "integer" }, { "d", "json", derive = function() return 1 end } },
  start  = {
    ml.schedule { "a", daily = "25:00", zone = "Europe/Berlin" },
    ml.schedule { "b", weekly = "xyz 09:00" },
    ml.schedule { "c", monthly = "32 08:00" },
    ml.schedule { "d", daily = "02:30", zone = "Europe/Atlantis" },
    ml.schedule { "e", every = "1h", zone = "Europe/Berlin" },
    ml.schedule { "f", every = "1h", daily = "02:30" },
    ml.schedule { "g", daily = "02:30", missed = "twice" },
    ml.schedule { "h", daily = "02:30", data = { m = 1 } },
    ml.schedule { "i", daily = "02:30", data = { n = "one" } },
    ml.schedule { "j", daily = "02:30", data = { d = 1 } },
    ml.schedule { "k", daily = "02:30", data = "n" },
    ml.schedule { "l", every = "10ms" },
    ml.schedule { "m", daily = 230 },
    ml.schedule { "n", daily = "02:30", time = "03:00" },
    ml.schedule { "o" },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
