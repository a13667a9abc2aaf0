-- expect: error
-- table.sort cannot write a library
return function(ctx)
  table.sort(string)
end
