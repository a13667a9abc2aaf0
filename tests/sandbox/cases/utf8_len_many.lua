-- expect: cpu-limit
-- characters of a long text counted again
return function(ctx)
  local s = ("ä"):rep(400000)
  while true do utf8.len(s) end
end
