-- expect: cpu-limit
-- resume and yield for ever
return function(ctx)
  local co = coroutine.wrap(function() while true do coroutine.yield() end end)
  while true do co() end
end
