-- expect: memory-limit
-- one block that is too large
return function(ctx)
  local t = {}
  for i = 1, 700000 do t[i] = i end
end
