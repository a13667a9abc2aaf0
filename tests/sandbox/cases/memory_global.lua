-- expect: memory-limit
-- globals without end
return function(ctx)
  for i = 1, math.huge do _G["g" .. i] = { i } end
end
