-- expect: error
-- there is no coroutine.close
return function(ctx)
  return coroutine.close(coroutine.create(print))
end
