-- expect: cpu-limit
-- require in a loop
return function(ctx)
  while true do pcall(require, "nothing") end
end
