-- expect: error
-- there is no package
return function(ctx)
  return package.loadlib("x", "y")
end
