-- expect: ok
-- a finalizer added later stays without effect
return function(ctx)
  local mt = {}
  local t = setmetatable({}, mt)
  mt.__gc = function() while true do end end
  t = nil
  for i = 1, 1000 do local x = ("y"):rep(2000) .. i end
  return "done"
end
