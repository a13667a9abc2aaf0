-- expect: cpu-limit
-- a text that grows by one byte
return function(ctx)
  local s = ("x"):rep(500000)
  while true do s = s .. "y" if #s > 600000 then s = ("x"):rep(500000) end end
end
