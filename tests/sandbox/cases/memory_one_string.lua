-- expect: memory-limit
-- a text that doubles
return function(ctx)
  local s = "x"
  while true do s = s .. s end
end
