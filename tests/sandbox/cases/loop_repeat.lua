-- expect: cpu-limit
-- a loop with a body
return function(ctx)
  local n = 0
  repeat n = n + 1 until n < 0
end
