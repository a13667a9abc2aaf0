-- expect: cpu-limit
-- many arguments handed on and on
return function(ctx)
  local function f(...) return f(...) end
  local t = {}
  return f(table.unpack(t, 1, 100000))
end
