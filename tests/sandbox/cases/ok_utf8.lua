-- expect: ok
-- a text character by character
return function(ctx)
  local s, n = ("受注納品"):rep(2000), 0
  for _, c in utf8.codes(s) do n = n + 1 end
  for i = 1, 2000 do assert(utf8.codepoint(s, 12 * i - 11)) end
  assert(n == 8000 and utf8.len(s) == 8000)
  return n
end
