-- expect: error
-- a range of all integers
return function(ctx)
  return table.concat({}, "", 1, math.maxinteger)
end
