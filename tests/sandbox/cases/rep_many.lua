-- expect: cpu-limit
-- long texts one after the other
return function(ctx)
  while true do local s = ("x"):rep(1000000) end
end
