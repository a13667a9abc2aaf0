-- expect: cpu-limit
-- a length that loops
return function(ctx)
  return #setmetatable({}, { __len = function() while true do end end })
end
