-- expect: ok
-- more coroutines than allowed, but few at a time
return function(ctx)
  for i = 1, 3000 do coroutine.wrap(function() coroutine.yield(1) end)() end
  return "done"
end
