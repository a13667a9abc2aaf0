-- expect: error
-- only tables get metatables
return function(ctx)
  return setmetatable("x", {})
end
