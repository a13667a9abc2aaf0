-- expect: memory-limit
-- gsub that makes a text longer and longer
return function(ctx)
  local s = "x"
  while true do s = s:gsub("x+", "%0%0%0%0") end
end
