-- expect: cpu-limit
-- closing loops when its block ends
return function(ctx)
  do local x <close> = setmetatable({}, { __close = function() while true do end end }) end
end
