-- expect: memory-limit
-- format that doubles
return function(ctx)
  local s = "x"
  while true do s = string.format("%s%s", s, s) end
end
