-- expect: cpu-limit
-- a back reference compared again and again
return function(ctx)
  return (("a"):rep(5000)):find("(.+)%1b")
end
