-- expect: error
-- a name with a zero byte
return function(ctx)
  return require "workflow\0.lua"
end
