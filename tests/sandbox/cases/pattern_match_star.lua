-- expect: cpu-limit
-- greedy stars
return function(ctx)
  return (("a"):rep(3000)):match(".*.*.*b")
end
