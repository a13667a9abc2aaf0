-- expect: cpu-limit
-- a character with a million continuation bytes
return function(ctx)
  local s = "a" .. ("\x80"):rep(1000000)
  while true do utf8.offset(s, 2) end
end
