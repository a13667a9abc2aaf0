-- expect: ok
-- globals of this attempt only
return function(ctx)
  assert(leaked == nil)
  leaked = 1
  _G.print = nil
  string = nil
  return ("x"):upper()
end
