-- expect: cpu-limit
-- a comparison that loops
return function(ctx)
  table.sort({ 3, 2, 1 }, function() while true do end end)
end
