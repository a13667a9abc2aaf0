-- expect: error
-- random is seeded by the engine
return function(ctx)
  return math.randomseed(1)
end
