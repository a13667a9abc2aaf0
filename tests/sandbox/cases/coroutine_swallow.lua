-- expect: cpu-limit
-- each coroutine swallows the end of the one inside
return function(ctx)
  local function swallow(n)
    return coroutine.wrap(function()
      while true do
        if n > 0 then pcall(swallow(n - 1)) else while true do end end
      end
    end)
  end
  swallow(30)()
end
