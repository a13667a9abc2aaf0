-- expect: memory-limit
-- a table with many keys
return function(ctx)
  local t = {}
  for i = 1, math.huge do t["key" .. i] = true end
end
