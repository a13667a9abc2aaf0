-- expect: ok
-- a comparison that contradicts itself
return function(ctx)
  local t = { 5, 3, 8, 1, 9, 2, 7 }
  table.sort(t, function() return true end)
  return #t
end
