-- expect: memory-limit
-- decoded lists kept
return function(ctx)
  local cjson, keep = require "cjson", {}
  local s = "[" .. ("[1],"):rep(5000) .. "1]"
  while true do keep[#keep + 1] = cjson.decode(s) end
end
