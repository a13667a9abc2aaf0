-- expect: cpu-limit
-- a hundred to-be-closed variables that loop one after the other
return function(ctx)
  local function nest(n)
    local x <close> = setmetatable({}, { __close = function() while true do end end })
    if n > 0 then nest(n - 1) end
    while true do end
  end
  pcall(nest, 100)
  while true do end
end
