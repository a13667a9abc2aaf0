-- expect: error
-- addresses are not shown
return function(ctx)
  return string.format("%p", {})
end
