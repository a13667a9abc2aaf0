-- expect: error
-- rawset cannot write a library
return function(ctx)
  rawset(table, "insert", nil)
end
