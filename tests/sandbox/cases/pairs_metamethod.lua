-- expect: cpu-limit
-- __pairs gives an endless iterator
return function(ctx)
  for _ in pairs(setmetatable({}, { __pairs = function() return function() return 1 end end })) do end
end
