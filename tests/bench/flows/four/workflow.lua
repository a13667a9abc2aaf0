-- W1: four steps by themselves, one after the other; each leaves 100 bytes.
local ml = require "moonlane"

local function step(n)
  return ml.activity { "step " .. n, run = function(ctx)
    local d = ctx.data
    local sum = d.count + n
    for i = 1, #d.word do sum = sum + d.word:byte(i) end
    d["r" .. n] = ("%08d"):format(sum) .. d.text:sub(n, n + 91)
  end }
end

return ml.workflow { "four",
  fields = {
    { "word", "string" }, { "text", "string" }, { "count", "integer" },
    { "r1", "string" }, { "r2", "string" }, { "r3", "string" }, { "r4", "string" },
  },
  phases = {
    { "one", step(1) }, { "two", step(2) }, { "three", step(3) }, { "four", step(4) },
  },
}
