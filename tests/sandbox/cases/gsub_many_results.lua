-- expect: cpu-limit
-- a replacement for each character
return function(ctx)
  local s = ("x"):rep(50000)
  while true do s:gsub("x", "y") end
end
