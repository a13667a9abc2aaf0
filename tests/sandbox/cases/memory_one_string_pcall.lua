-- expect: memory-limit
-- a text that doubles, protected
return function(ctx)
  local s = "x"
  while true do pcall(function() s = s .. s end) end
end
