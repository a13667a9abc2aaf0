-- expect: error
-- a field of a nested frozen table
return function(ctx)
  utf8.charpattern = "x"
end
