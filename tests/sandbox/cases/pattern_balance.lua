-- expect: cpu-limit
-- %b at every place of a long text
return function(ctx)
  return (("("):rep(40000)):find("%b()")
end
