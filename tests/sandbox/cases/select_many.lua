-- expect: cpu-limit
-- the count of many arguments
return function(ctx)
  local function f(...) return select("#", ...) end
  local t = {}
  while true do f(table.unpack(t, 1, 3000)) end
end
