-- expect: ok
-- metatables of the engine are hidden
return function(ctx)
  assert(getmetatable("") == false and getmetatable(string) == false)
  return tostring(string) .. tostring({}) .. tostring(print)
end
