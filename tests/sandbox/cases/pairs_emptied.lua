-- expect: cpu-limit
-- pairs over a table whose elements are gone
return function(ctx)
  local t = {}
  for i = 1, 20000 do t["k" .. i] = i end
  for i = 1, 20000 do t["k" .. i] = nil end
  while true do for _ in pairs(t) do end end
end
