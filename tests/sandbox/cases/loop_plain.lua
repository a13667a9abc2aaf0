-- expect: cpu-limit
-- a loop that ends never
return function(ctx)
  while true do end
end
