-- expect: cpu-limit
-- a generic for without end
return function(ctx)
  for _ in function() return true end do end
end
