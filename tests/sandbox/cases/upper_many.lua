-- expect: cpu-limit
-- a long text changed again and again
return function(ctx)
  local s = ("x"):rep(1000000)
  while true do s:upper() end
end
