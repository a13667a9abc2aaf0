-- expect: error
-- table.insert cannot write a library
return function(ctx)
  table.insert(string, 1)
end
