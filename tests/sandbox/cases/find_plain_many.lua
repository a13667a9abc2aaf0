-- expect: cpu-limit
-- plain searches in a long text
return function(ctx)
  local s = ("a"):rep(1000000)
  while true do s:find("b", 1, true) end
end
