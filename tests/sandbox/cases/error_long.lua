-- expect: error
-- an error text of a megabyte
return function(ctx)
  error(("x"):rep(1000000))
end
