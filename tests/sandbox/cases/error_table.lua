-- expect: error
-- an error that is a table with tricks
return function(ctx)
  error(setmetatable({}, { __tostring = function() while true do end end, __name = "x" }))
end
