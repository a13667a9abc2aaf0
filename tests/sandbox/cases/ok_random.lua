-- expect: ok
-- random numbers in range
return function(ctx)
  for i = 1, 1000 do
    local n = math.random(5, 9)
    assert(n >= 5 and n <= 9 and math.random() < 1)
  end
  return math.random(100)
end
