-- expect: error
-- a finalizer
return function(ctx)
  return setmetatable({}, { __gc = function() while true do end end })
end
