-- expect: memory-limit
-- a list without end
return function(ctx)
  local t = {}
  for i = 1, math.huge do t[i] = {} end
end
