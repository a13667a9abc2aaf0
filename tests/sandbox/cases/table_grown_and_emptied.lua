-- expect: cpu-limit
-- a table filled and emptied
return function(ctx)
  while true do
    local t = {}
    for i = 1, 3000 do t[i] = i end
    for i = 3000, 1, -1 do t[i] = nil end
  end
end
