-- expect: error
-- a text that could not exist
return function(ctx)
  return ("x"):rep(1e15)
end
