-- expect: cpu-limit
-- frontiers with long sets
return function(ctx)
  return (("ab"):rep(20000)):gsub("%f[" .. ("c-d"):rep(3000) .. "]", "")
end
