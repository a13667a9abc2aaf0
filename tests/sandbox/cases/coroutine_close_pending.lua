-- expect: cpu-limit
-- a dead coroutine with a variable to close
return function(ctx)
  local co = coroutine.create(function()
    local x <close> = setmetatable({}, { __close = function() while true do end end })
    error("dead")
  end)
  coroutine.resume(co)
  while true do end
end
