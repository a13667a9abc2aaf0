-- expect: ok
-- a long text read line by line
return function(ctx)
  local s, n, at = ("some words on a line\n"):rep(20000), 0, 1
  while true do
    local stop = s:find("\n", at, true)
    if not stop then break end
    n, at = n + 1, stop + 1
  end
  assert(n == 20000)
  return n
end
