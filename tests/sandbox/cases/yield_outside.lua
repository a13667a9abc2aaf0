-- expect: error
-- yield from the activity itself
return function(ctx)
  coroutine.yield(1)
end
