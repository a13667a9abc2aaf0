-- expect: error
-- the strings' metatable is locked
return function(ctx)
  getmetatable("").__index = nil
end
