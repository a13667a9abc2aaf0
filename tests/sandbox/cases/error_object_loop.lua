-- expect: cpu-limit
-- errors thrown and caught for ever
return function(ctx)
  while true do pcall(error, {}) end
end
