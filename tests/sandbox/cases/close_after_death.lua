-- expect: error
-- the variables of an activity that failed are not closed
return function(ctx)
  local x <close> = setmetatable({}, { __close = function() while true do end end })
  error("nobody closes")
end
