-- expect: error
-- libraries are read-only
return function(ctx)
  string.upper = function() return "mine" end
end
