local ml = require "moonlane"

return ml.rules { nothing.at.all }
