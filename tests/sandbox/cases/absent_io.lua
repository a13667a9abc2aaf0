-- expect: error
-- there is no io
return function(ctx)
  return io.open("/etc/passwd")
end
