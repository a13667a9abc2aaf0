-- expect: error
-- a width of a thousand
return function(ctx)
  return string.format("%1000d", 1)
end
