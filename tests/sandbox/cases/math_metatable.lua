-- expect: error
-- a library cannot be given a metatable
return function(ctx)
  setmetatable(math, { __index = function() end })
end
