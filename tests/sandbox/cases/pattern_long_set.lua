-- expect: cpu-limit
-- a set of ten thousand members for each character
return function(ctx)
  return (("b"):rep(100000)):find("[" .. ("a"):rep(10000) .. "]")
end
