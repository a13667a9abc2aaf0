-- expect: error
-- a handler that fails
return function(ctx)
  local function f() error(f) end
  xpcall(f, f)
  error("after")
end
