-- expect: cpu-limit
-- numbers of a million digits
return function(ctx)
  local s = ("9"):rep(1000000)
  while true do tonumber(s) end
end
