-- expect: cpu-limit
-- gsub that backtracks at each place
return function(ctx)
  return (("x"):rep(20000)):gsub("x*y", "")
end
