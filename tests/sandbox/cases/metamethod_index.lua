-- expect: cpu-limit
-- a read that calls itself a read
return function(ctx)
  local t = setmetatable({}, { __index = function(t, k) local n = 0 while true do n = n + 1 end end })
  return t.x
end
