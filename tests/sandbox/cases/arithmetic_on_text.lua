-- expect: cpu-limit
-- additions of a number of a million digits
return function(ctx)
  local s = ("1"):rep(1000000)
  while true do local x = s + 1 end
end
