-- expect: cpu-limit
-- tail calls need no stack
return function(ctx)
  local function f() return f() end
  return f()
end
