-- expect: error
-- a field of nil
return function(ctx)
  return ctx.nothing.more
end
