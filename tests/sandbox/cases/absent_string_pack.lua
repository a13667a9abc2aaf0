-- expect: error
-- there is no string.pack
return function(ctx)
  return string.pack("i", 1)
end
