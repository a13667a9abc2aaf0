-- expect: memory-limit
-- recursion inside a coroutine
return function(ctx)
  local function f() return 1 + f() end
  coroutine.wrap(f)()
end
