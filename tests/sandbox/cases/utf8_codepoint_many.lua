-- expect: cpu-limit
-- all code points of a text
return function(ctx)
  local s = ("ä"):rep(20000)
  while true do utf8.codepoint(s, 1, -1) end
end
