-- expect: error
-- a range of all integers
return function(ctx)
  return table.unpack({}, math.mininteger, math.maxinteger)
end
