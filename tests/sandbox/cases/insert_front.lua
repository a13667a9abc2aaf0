-- expect: cpu-limit
-- insert in front of a long list
return function(ctx)
  local t = {}
  while true do table.insert(t, 1, 1) if #t > 3000 then t = {} end end
end
