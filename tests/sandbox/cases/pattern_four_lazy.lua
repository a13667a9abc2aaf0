-- expect: cpu-limit
-- four lazy wildcards on a short text
return function(ctx)
  return (("a"):rep(200)):find(".-.-.-.-b")
end
