-- expect: cpu-limit
-- a message handler that loops: it runs inside the hook that raised
return function(ctx)
  xpcall(function() while true do end end, function() while true do end end)
  while true do end
end
