local ml = require "moonlane"

return ml.workflow { "small",
  fields = { { "n", "integer" } },
  start  = {
    ml.schedule { "a", daily = "02:30, 14:30", zone = "Europe/Berlin", missed = "skip", data = { n = 1 } },
    ml.schedule { "b", weekly = "mon 09:00, thu 09:00", zone = "Australia/Lord_Howe", missed = "once" },
    ml.schedule { "c", monthly = "31 08:00, last 08:00", zone = "+05:45", data = {} },
    ml.schedule { "d", monthly = "1 00:00" },
    ml.schedule { "e", every = "15m", title = "Again and again" },
  },
  phases = { { "one", ml.activity { "a", run = function() end } } },
}
