local ml = require "moonlane"

local function one(name)
  return ml.workflow { name, phases = {
    { "only", ml.activity { "a", run = function() end } } } }
end

return { one "first", one "second" }
