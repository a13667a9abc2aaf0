-- expect: cpu-limit
-- many results
return function(ctx)
  local t = {}
  while true do select("#", table.unpack(t, 1, 5000)) end
end
