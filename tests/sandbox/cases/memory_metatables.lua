-- expect: memory-limit
-- a chain of metatables
return function(ctx)
  local t = {}
  while true do t = setmetatable({}, { __index = t }) end
end
