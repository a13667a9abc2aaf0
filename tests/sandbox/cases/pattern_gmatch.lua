-- expect: cpu-limit
-- gmatch that backtracks inside its iterator
return function(ctx)
  for _ in (("x"):rep(20000)):gmatch("x*x*y") do end
end
