-- expect: cpu-limit
-- a comparison that makes the list longer
return function(ctx)
  local t = {}
  for i = 1, 1000 do t[i] = i end
  while true do table.sort(t, function(a, b) t[#t + 1] = 1 t[#t] = nil return a < b end) end
end
