-- expect: cpu-limit
-- many empty texts
return function(ctx)
  while true do local s = (""):rep(1e9) end
end
