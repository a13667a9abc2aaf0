-- embed.lua FILE...: the library that scripts require, as a C source, so that
-- the program needs no files of its own at run time.  See src/run/library.h.
local function bytes(s)
  local out, line = {}, {}
  for i = 1, #s do
    line[#line + 1] = s:byte(i)
    if #line == 24 then out[#out + 1] = table.concat(line, ","); line = {} end
  end
  line[#line + 1] = 0
  out[#out + 1] = table.concat(line, ",")
  return table.concat(out, ",\n")
end

table.sort(arg)
print('#include "run/library.h"')
local rows = {}
for i, path in ipairs(arg) do
  local f = assert(io.open(path, "rb"))
  local text = f:read("a")
  f:close()
  print(("static const unsigned char text_%d[] = {\n%s};"):format(i, bytes(text)))
  rows[i] = ('  {{"%s", %d}, {(const char *)text_%d, %d}},'):format(
    path:gsub("^lua/", ""), #(path:gsub("^lua/", "")), i, #text)
end
print("const ml_source ml_library[] = {\n" .. table.concat(rows, "\n") .. "\n};")
print(("const size_t ml_library_count = %d;"):format(#arg))
