-- expect: error
-- a range of all integers
return function(ctx)
  return table.move({}, 1, math.maxinteger, 2)
end
