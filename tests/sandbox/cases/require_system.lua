-- expect: error
-- a library of the system
return function(ctx)
  return require "socket"
end
