-- expect: memory-limit
-- recursion through its own protection
return function(ctx)
  local function f() local a, b, c, d, e, g, h, i = 1, 2, 3, 4, 5, 6, 7, 8 return 1 + f() end
  while true do pcall(f) end
end
