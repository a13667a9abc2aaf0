-- expect: error
-- an error without value
return function(ctx)
  error()
end
