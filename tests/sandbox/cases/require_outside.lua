-- expect: error
-- a file outside the bundle
return function(ctx)
  return require "../../etc/passwd"
end
