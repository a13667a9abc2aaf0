-- expect: cpu-limit
-- pcall around the loop, and a loop around that
return function(ctx)
  while true do
    pcall(function() while true do end end)
  end
end
