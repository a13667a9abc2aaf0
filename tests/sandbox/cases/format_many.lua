-- expect: cpu-limit
-- format with a long text
return function(ctx)
  local s = ("x"):rep(1000000)
  while true do string.format("%s!", s) end
end
