-- expect: cpu-limit
-- closing by C functions that call back
return function(ctx)
  local mt = { __close = pcall }
  local x <close> = setmetatable({}, mt)
  mt.__call = function() while true do end end
  while true do end
end
