-- expect: error
-- a pattern that nests deeper than allowed
return function(ctx)
  return (("a"):rep(1000)):find(("(a"):rep(30) .. ("a?"):rep(400))
end
