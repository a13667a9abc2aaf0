-- expect: memory-limit
-- long keys
return function(ctx)
  local t = {}
  for i = 1, math.huge do t[("k"):rep(5000) .. i] = 1 end
end
