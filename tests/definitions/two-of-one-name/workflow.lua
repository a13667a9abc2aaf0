local ml = require "moonlane"

local function one(label)
  return ml.workflow { label, phases = {
    { "p", ml.activity { "a", run = function() end } } } }
end

return { one "same", one "same" }
