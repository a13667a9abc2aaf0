-- expect: cpu-limit
-- encode a large table again and again
return function(ctx)
  local cjson, t = require "cjson", {}
  for i = 1, 3000 do t[i] = i end
  while true do cjson.encode(t) end
end
