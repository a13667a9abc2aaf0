-- expect: memory-limit
-- go on after memory ended
return function(ctx)
  local keep = {}
  while true do
    pcall(function() for i = 1, math.huge do keep[#keep + 1] = { i } end end)
  end
end
