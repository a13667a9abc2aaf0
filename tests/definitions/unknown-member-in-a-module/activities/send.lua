local ml = require "moonlane"

return function(label)
  return ml.activity { label, time_out = "30s",
    run = function() end }
end
