-- expect: cpu-limit
-- move of many elements
return function(ctx)
  local t = {}
  while true do table.move(t, 1, 900000, 2) end
end
