-- expect: ok
-- a variable that is closed
return function(ctx)
  local log = {}
  do local x <close> = setmetatable({}, { __close = function() log[1] = "closed" end }) end
  return log[1]
end
