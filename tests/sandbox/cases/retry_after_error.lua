-- expect: cpu-limit
-- go on after the error of the limit
return function(ctx)
  local function try()
    local ok, e = pcall(function() while true do end end)
    return try()
  end
  return try()
end
