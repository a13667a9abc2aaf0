-- expect: cpu-limit
-- a comparison that ends never
return function(ctx)
  local mt = { __eq = function() while true do end end }
  return setmetatable({}, mt) == setmetatable({}, mt)
end
