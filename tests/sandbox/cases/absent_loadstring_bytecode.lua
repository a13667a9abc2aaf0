-- expect: error
-- there is no string.dump
return function(ctx)
  return string.dump(function() end)
end
