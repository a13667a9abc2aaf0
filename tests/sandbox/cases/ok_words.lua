-- expect: ok
-- a text taken apart by patterns
return function(ctx)
  local s, n = ("some words = 12; "):rep(2000), 0
  for k, v in s:gmatch("(%a+)%s*=%s*(%d+)") do n = n + tonumber(v) end
  assert(n == 24000)
  return n
end
