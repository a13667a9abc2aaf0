-- expect: cpu-limit
-- a concatenation that loops
return function(ctx)
  return "a" .. setmetatable({}, { __concat = function() while true do end end })
end
