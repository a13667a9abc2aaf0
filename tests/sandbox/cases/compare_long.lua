-- expect: cpu-limit
-- long texts compared with each other
return function(ctx)
  local a, b = ("x"):rep(1000) .. 1, ("x"):rep(1000) .. 1
  local n = 0
  while true do n = n + (a == b and 1 or 0) end
end
