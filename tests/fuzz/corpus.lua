-- corpus.lua - the kept inputs of a target: a line of hex digits each.
--
--   lua5.4 corpus.lua unpack NAME.hex FOLDER     a file for each line
--   lua5.4 corpus.lua pack NAME.hex FILE...      the files, and what is there
--                                                already, shortest first
local what, hex = arg[1], arg[2]

local function lines()
  local seen, list = {}, {}
  for line in (io.open(hex) or io.tmpfile()):lines() do
    if not seen[line] then list[#list + 1] = line end
    seen[line] = true
  end
  return list, seen
end

if what == "unpack" then
  for i, line in ipairs((lines())) do
    local f = assert(io.open(("%s/kept-%04d"):format(arg[3], i), "wb"))
    f:write((line:gsub("%x%x", function(d) return string.char(tonumber(d, 16)) end)))
    assert(f:close())
  end
elseif what == "pack" then
  local list, seen = lines()
  for i = 3, #arg do
    local f = assert(io.open(arg[i], "rb"))
    local line = (f:read("a"):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
    f:close()
    if not seen[line] then list[#list + 1] = line end
    seen[line] = true
  end
  table.sort(list, function(a, b) return #a < #b or (#a == #b and a < b) end)
  local f = assert(io.open(hex, "w"))
  f:write(table.concat(list, "\n"), "\n")
  assert(f:close())
else
  error("corpus.lua unpack|pack NAME.hex ...")
end
