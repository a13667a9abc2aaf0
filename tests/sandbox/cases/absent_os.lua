-- expect: error
-- there is no os
return function(ctx)
  return os.time()
end
