-- expect: cpu-limit
-- a to-be-closed variable whose closing loops
return function(ctx)
  pcall(function()
    local x <close> = setmetatable({}, { __close = function() while true do end end })
    error("begin closing")
  end)
end
