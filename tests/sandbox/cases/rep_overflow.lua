-- expect: error
-- sizes that overflow
return function(ctx)
  return ("xxxx"):rep(math.maxinteger // 2)
end
