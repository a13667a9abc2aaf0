-- expect: error
-- an error while closing
return function(ctx)
  local x <close> = setmetatable({}, { __close = function() error("closing") end })
end
