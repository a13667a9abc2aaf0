-- expect: ok
-- a long text read byte by byte
return function(ctx)
  local s, n = ("x"):rep(100000), 0
  for i = 1, #s do n = n + s:byte(i) end
  assert(n == 12000000)
  return n
end
