-- expect: cpu-limit
-- a pattern that takes hours in Lua
return function(ctx)
  return (("a"):rep(40)):find((".-"):rep(12) .. "b")
end
