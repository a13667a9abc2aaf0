-- expect: cpu-limit
-- the bytes of a long text as results
return function(ctx)
  local s = ("x"):rep(100000)
  while true do s:byte(1, -1) end
end
