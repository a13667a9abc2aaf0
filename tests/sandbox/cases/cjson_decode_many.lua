-- expect: cpu-limit
-- decode a long text again and again
return function(ctx)
  local cjson = require "cjson"
  local s = "[" .. ("1,"):rep(20000) .. "1]"
  while true do cjson.decode(s) end
end
