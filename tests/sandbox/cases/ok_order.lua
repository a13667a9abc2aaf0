-- expect: ok
-- traversal in order
return function(ctx)
  local out = {}
  for k in pairs { z = 1, a = 1, 5, 6, [3.5] = 1, [true] = 1, [-1] = 1 } do out[#out + 1] = tostring(k) end
  local s = table.concat(out, " ")
  assert(s == "1 2 -1 3.5 a z true", s)
  return s
end
