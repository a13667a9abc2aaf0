-- expect: cpu-limit
-- tostring that loops
return function(ctx)
  return tostring(setmetatable({}, { __tostring = function() while true do end end }))
end
