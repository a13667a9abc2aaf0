-- expect: memory-limit
-- packed results kept
return function(ctx)
  local t, all = {}, {}
  while true do all[#all + 1] = table.pack(table.unpack(t, 1, 10000)) end
end
