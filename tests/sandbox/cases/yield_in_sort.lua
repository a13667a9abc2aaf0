-- expect: error
-- yield across a C function
return function(ctx)
  coroutine.wrap(function() table.sort({ 2, 1 }, function() coroutine.yield() end) end)()
end
