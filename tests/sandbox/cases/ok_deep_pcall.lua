-- expect: ok
-- protected calls inside each other
return function(ctx)
  local function f(n) if n == 0 then return 0 end local ok, r = pcall(f, n - 1) return r + 1 end
  return f(100)
end
