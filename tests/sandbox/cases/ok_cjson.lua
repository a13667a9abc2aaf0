-- expect: ok
-- cjson both ways
return function(ctx)
  local cjson = require "cjson"
  local s = cjson.encode { b = { 1, 2 }, a = "x" }
  assert(s == '{"a":"x","b":[1,2]}', s)
  assert(cjson.decode("[nan]") == nil)
  return cjson.decode(s).b[2]
end
