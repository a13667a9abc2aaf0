-- expect: error
-- coroutines inside coroutines to the end of the C stack
return function(ctx)
  local function deep() return coroutine.wrap(deep)() end
  deep()
end
