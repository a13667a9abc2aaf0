-- expect: error
-- __len says a billion
return function(ctx)
  return table.concat(setmetatable({}, { __len = function() return 1e9 end }))
end
