-- expect: cpu-limit
-- next on a list whose elements are gone
return function(ctx)
  local t = {}
  for i = 1, 20000 do t[i] = i end
  for i = 1, 20000 do t[i] = nil end
  while true do next(t) end
end
