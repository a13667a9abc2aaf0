-- expect: cpu-limit
-- a handler that protects its own loop
return function(ctx)
  xpcall(function() error("x") end, function()
    pcall(function() while true do end end)
    while true do end
  end)
  while true do end
end
