-- expect: error
-- gsub call-backs to the end of the C stack
return function(ctx)
  local function deep() return ("x"):gsub(".", deep) end
  deep()
end
