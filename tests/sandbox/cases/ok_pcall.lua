-- expect: ok
-- an error caught
return function(ctx)
  local ok, e = pcall(error, { code = 7 })
  assert(not ok and e.code == 7)
  return e.code
end
