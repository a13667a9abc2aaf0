-- expect: error
-- cjson is read-only
return function(ctx)
  require("cjson").encode = print
end
