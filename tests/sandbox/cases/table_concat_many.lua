-- expect: cpu-limit
-- concat of a long list
return function(ctx)
  local t = {}
  for i = 1, 20000 do t[i] = "x" end
  while true do table.concat(t, ",") end
end
