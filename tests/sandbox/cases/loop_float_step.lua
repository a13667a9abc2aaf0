-- expect: cpu-limit
-- a float loop whose step is lost
return function(ctx)
  for i = 1e308, math.huge, 0.1 do end
end
