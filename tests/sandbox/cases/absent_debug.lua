-- expect: error
-- there is no debug
return function(ctx)
  return debug.getregistry()
end
