-- expect: cpu-limit
-- a loop in a coroutine
return function(ctx)
  coroutine.wrap(function() while true do end end)()
end
