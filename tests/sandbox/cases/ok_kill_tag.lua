-- expect: ok
-- nothing to catch when nothing was killed
return function(ctx)
  local ok, e = pcall(error)
  assert(not ok and e == nil)
  return select("#", pcall(error))
end
