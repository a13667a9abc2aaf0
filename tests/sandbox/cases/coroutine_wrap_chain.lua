-- expect: cpu-limit
-- a chain of generators, each taking from the one before
return function(ctx)
  local f = function() while true do coroutine.yield(1) end end
  for i = 1, 100 do local g = coroutine.wrap(f) f = function() while true do coroutine.yield(g()) end end end
  local g = coroutine.wrap(f)
  while true do g() end
end
