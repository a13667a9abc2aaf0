-- expect: error
-- there is no load
return function(ctx)
  return load("return 1")()
end
