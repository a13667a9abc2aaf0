-- expect: ok
-- much garbage, little in use
return function(ctx)
  for i = 1, 1000 do local s = ("x"):rep(4000) .. i end
  return "done"
end
