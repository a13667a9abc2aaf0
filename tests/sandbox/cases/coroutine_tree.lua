-- expect: cpu-limit
-- coroutines that make coroutines
return function(ctx)
  local function tree(n)
    while true do
      local co = coroutine.create(n > 0 and tree or function() end)
      coroutine.resume(co, n - 1)
    end
  end
  tree(20)
end
