-- expect: cpu-limit
-- many protected calls inside each other, each of which loops when reached
return function(ctx)
  local function ladder(n)
    if n > 0 then pcall(ladder, n - 1) end
    while true do end
  end
  ladder(150)
end
