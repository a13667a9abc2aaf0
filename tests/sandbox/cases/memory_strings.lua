-- expect: memory-limit
-- different texts
return function(ctx)
  local t = {}
  for i = 1, math.huge do t[i] = ("x"):rep(1000) .. i end
end
