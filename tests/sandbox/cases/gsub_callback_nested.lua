-- expect: cpu-limit
-- gsub inside gsub inside gsub
return function(ctx)
  local function nest(n)
    return (("x"):rep(50)):gsub(".", function() if n > 0 then return (nest(n - 1)) end end)
  end
  return nest(8)
end
