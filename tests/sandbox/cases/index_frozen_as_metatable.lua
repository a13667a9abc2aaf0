-- expect: error
-- a library as a metatable
return function(ctx)
  setmetatable({}, string)
end
