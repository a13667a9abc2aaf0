-- expect: cpu-limit
-- a numeric loop over all integers
return function(ctx)
  for i = math.mininteger, math.maxinteger do end
end
