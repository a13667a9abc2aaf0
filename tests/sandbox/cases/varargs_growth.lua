-- expect: cpu-limit
-- ever more arguments, copied by each call
return function(ctx)
  local function f(...) return f(1, 2, 3, 4, 5, 6, 7, 8, ...) end
  return f()
end
