-- expect: error
-- a loop of __index tables
return function(ctx)
  local a, b = {}, {}
  setmetatable(a, { __index = b })
  setmetatable(b, { __index = a })
  return a.x
end
