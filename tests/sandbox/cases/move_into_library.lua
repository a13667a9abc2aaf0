-- expect: error
-- table.move cannot write a library
return function(ctx)
  table.move({ 1 }, 1, 1, 1, math)
end
