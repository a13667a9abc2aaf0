-- expect: error
-- the collector is not for scripts
return function(ctx)
  return collectgarbage("count")
end
