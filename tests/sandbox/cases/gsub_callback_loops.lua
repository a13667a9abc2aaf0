-- expect: cpu-limit
-- a call-back that loops
return function(ctx)
  return ("abc"):gsub(".", function() while true do end end)
end
