-- expect: error
-- an index that indexes itself
return function(ctx)
  local t = {}
  setmetatable(t, { __index = function(t, k) return t[k] end })
  return t.x
end
