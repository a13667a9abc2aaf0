-- expect: error
-- a weak table
return function(ctx)
  return setmetatable({}, { __mode = "k" })
end
