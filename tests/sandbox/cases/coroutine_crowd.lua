-- expect: error
-- more coroutines than allowed
return function(ctx)
  local t = {}
  for i = 1, 5000 do t[i] = coroutine.create(print) end
end
