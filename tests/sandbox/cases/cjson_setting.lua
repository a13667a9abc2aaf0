-- expect: error
-- its settings are fixed
return function(ctx)
  require("cjson").encode_keep_buffer(true)
end
