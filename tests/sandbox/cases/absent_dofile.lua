-- expect: error
-- there is no dofile
return function(ctx)
  return dofile("/etc/passwd")
end
