-- expect: memory-limit
-- memory ends inside a message handler
return function(ctx)
  xpcall(error, function() local t = {} for i = 1, math.huge do t[i] = { i } end end, "x")
end
