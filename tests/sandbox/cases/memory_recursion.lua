-- expect: memory-limit
-- recursion without end
return function(ctx)
  local function f(a, b, c) return 1 + f(b, c, a) end
  return f(1, 2, 3)
end
