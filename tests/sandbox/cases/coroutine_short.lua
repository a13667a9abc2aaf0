-- expect: cpu-limit
-- coroutines that end before the hook counts
return function(ctx)
  while true do
    coroutine.wrap(function() for i = 1, 50 do end end)()
  end
end
