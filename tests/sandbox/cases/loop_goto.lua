-- expect: cpu-limit
-- a backward jump
return function(ctx)
  ::again::
  goto again
end
