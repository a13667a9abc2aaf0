-- expect: ok
-- generators
return function(ctx)
  local sum = 0
  for i = 1, 200 do
    for v in coroutine.wrap(function() for j = 1, 5 do coroutine.yield(j) end end) do sum = sum + v end
  end
  return sum
end
