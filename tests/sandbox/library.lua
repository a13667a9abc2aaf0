-- Snippets whose results must be the same in stock Lua and in the sandbox:
-- one line each.  Run by tests/test_lib.c.
local out = {}

local function show(v, depth)
  depth = depth or 0
  local t = type(v)
  if t == "string" then return string.format("%q", v) end
  if t == "table" and depth < 4 then
    local parts, keys = {}, {}
    for k in pairs(v) do keys[#keys + 1] = tostring(k) end
    table.sort(keys)
    for _, k in ipairs(keys) do
      local key = v[k] == nil and (tonumber(k) or k) or k
      parts[#parts + 1] = k .. "=" .. show(v[key], depth + 1)
    end
    return "{" .. table.concat(parts, ",") .. "}"
  end
  if t == "number" then return math.type(v) .. ":" .. tostring(v) end
  if t == "boolean" or t == "nil" then return tostring(v) end
  return t
end

local line = 0
local function try(f, ...)
  line = line + 1
  local r = table.pack(pcall(f, ...))
  for i = 1, r.n do r[i] = show(r[i]) end
  out[#out + 1] = line .. ": " .. table.concat(r, " ", 1, r.n)
end

-- string
for _, n in ipairs { 0, 1, 3, -2 } do
  try(string.rep, "ab", n)
  try(string.rep, "ab", n, ", ")
  try(string.sub, "hello", n)
  try(string.sub, "hello", n, -2)
  try(string.byte, "hello", n)
  try(string.byte, "hello", n, 3)
  try(table.unpack, { 1, 2, 3, nil, 5 }, n)
  try(table.unpack, { 1, 2, 3 }, n, 4)
  try(utf8.offset, "aäöb", n)
  try(utf8.codepoint, "aäöb", n)
end
try(string.rep) try(string.rep, "x", {}) try(string.rep, "", 1e9) try(string.rep, "x", -1)
try(string.char, 72, 228, 0) try(string.char, 256) try(string.upper, "aBc\0d") try(string.lower, 12)
try(string.reverse, "abc") try(string.len, "a\0b") try(string.len) try(string.byte, "") try(utf8.len, "aä\xff")
try(utf8.char, 65, 228, 0x10FFFF) try(utf8.len, "aäö", -3) try(utf8.codes, "x") try(utf8.len, {})
try(function() local r = {} for p, c in utf8.codes "aäö" do r[#r + 1] = p .. ":" .. c end return r end)
try(function() return utf8.charpattern end)

-- string.format
local forms = {
  "%d", "%5d", "%-5d|", "%05d", "%+d", "% d", "%5.2d", "%.3d", "%i", "%u", "%x", "%X", "%#x", "%#o",
  "%o", "%c", "%5c", "%-5c|", "%e", "%E", "%.3e", "%f", "%.2f", "%10.3f|", "%-10.3f|", "%+.1f", "%#.0f",
  "%g", "%G", "%.3g", "%a", "%A", "%.2a", "%s", "%5s|", "%-5s|", "%.2s|", "%5.1s|", "%q", "%%", "%5%",
  "%", "%y", "%ll", "%5q", "%100d", "%.100d", "%0100d", "%.5", "%-+ #0d", "%--------d", "%1.1.1d", "%#s",
  "%0s", "%+s", "%#d", "%0c", "%.1c", "%F", "%n", "%hd", "%ld", "%*d", "%-----------------------d",
  "%99.99f", "%99d", "%010.5x", "% 5d", "%-05d|", "%#g", "%+u", "%05u", "%i %i", "%s %s", "%5",
}
local values = {
  0, 1, -1, 255, 65, 3.0, 2.5, -0.0, 1e15, 1e16, 1e100, -1e-5, 1 / 0, -1 / 0, math.maxinteger,
  math.mininteger, "12", "0x10", "1e1", "text", "with\nnewline\0zero\"quote\\1", "", true, false,
}
for _, f in ipairs(forms) do
  for _, v in ipairs(values) do try(string.format, f, v) end
  try(string.format, f)
  try(string.format, f, nil)
  try(string.format, f, {}  ~= nil, 2)
end
try(string.format, "%q", 0 / 0) try(string.format, "%q", {}) try(string.format, "%q", math.pi)
try(string.format, "%q", "\1\0012\r\t\200") try(string.format, "%s", ("x"):rep(300))
try(string.format, "%-60s|", ("x"):rep(50)) try(string.format, "%200s", "x") try(string.format, "%20s|", ("x"):rep(150))
try(string.format, "%s %d %s", "a", 1, setmetatable({}, { __tostring = function() return "mine" end }))
try(string.format, "%s", setmetatable({}, { __tostring = function() return 1 end }))
try(string.format, 12) try(string.format) try(string.format, "%d", "x") try(string.format, "%d", 1.5)
try(string.format, "%s", nil, 3) try(string.format, "%s", 1, 2)

-- arithmetic and comparison of texts
try(function() return "10" + 5, "0x10" * "2", "3" // 2, "7" % 4, "2" ^ 3, -"2", "1e1" / 4, 10 .. 20 end)
try(function() return "a" + 1 end) try(function() return {} + "1" end) try(function() return "1" + {} end)
try(function() return "10" | 1, "3" & "1", ~"0" end) try(function() return "a" | 1 end) try(function() return "1.5" | 1 end)
try(function() return "a" < "b", "a" < "B", "" < "a", "a\0b" < "a\0c", "Z" <= "a" end)
try(function() return 1 < "2" end) try(function() return #5 end) try(function() return ("x").y.z end)
try(function() return ("x"):upper(), ("%d"):format(3), #"abc" end) try(function() return ("x"):nothing() end)
try(function() return 1 // 0 end) try(function() return 1 % 0 end) try(function() return 1.0 // 0, 5.3 % -2 end)
try(function() return math.maxinteger + 1, 1 << 63, 1 << 64, 7 >> 1, 2 ^ 53 end)

-- tonumber, tostring, type, select, assert, error
for _, s in ipairs { "10", " 0x1p4 ", "1e", "", " ", "0x", "1 2", "inf", "nan", "9223372036854775808", "1_0", "08", ".5", "5." } do
  try(tonumber, s)
  try(tonumber, s, 16)
end
try(tonumber, "zz", 36) try(tonumber, "7", 8) try(tonumber, "8", 8) try(tonumber, 5, 10) try(tonumber, "1", 1)
try(tonumber, "-ff", 16) try(tonumber) try(tonumber, nil) try(tonumber, {}) try(tonumber, "1", 99)
for _, v in ipairs { 1, 1.0, -0.0, 1e15, 1e100, 2 ^ 63, 0.1, "s", true, 3.14159265358979 } do try(tostring, v) end
try(tostring) try(tostring, nil) try(tostring, setmetatable({}, { __tostring = function() return "T" end }))
try(tostring, setmetatable({}, { __tostring = function() return {} end }))
try(type) try(type, nil) try(select, "#", 1, nil, nil) try(select, 2, "a", "b", "c") try(select, -1, "a", "b")
try(select, 0) try(select, -5, 1) try(assert, false) try(assert, nil, "text") try(assert, 1, 2, 3) try(assert, false, {})
try(assert) try(error) try(error, "text") try(error, "text", 0) try(error, "text", 2) try(error, { code = 1 }) try(error, nil)
try(rawequal, "a", "a") try(rawequal, {}, {}) try(rawlen, { 1, 2 }) try(rawlen, "abc") try(rawlen, 5)
try(rawget, { a = 1 }, "a") try(rawget, 1, 2) try(rawset, {}, nil, 1) try(rawset, {}, 1) try(ipairs) try(ipairs, nil)
try(rawget, setmetatable({}, { __index = { a = 1 } }), "a")
try(function() local t = {} rawset(t, "x", 1) return t end)

-- pcall and xpcall
try(function() return pcall(error, "x") end) try(function() return pcall(error) end) try(pcall) try(xpcall, print)
try(function() return xpcall(error, function(m) return "<" .. tostring(m) .. ">" end, "m", 0) end)
try(function() return xpcall(function(...) return select("#", ...), ... end, print, 1, nil, 3) end)
try(function() return pcall(pcall, error, "deep") end) try(function() return pcall(nil) end) try(function() return pcall({}) end)
try(function() return xpcall(function() local x = nil; return x.y end, function(m) return m:gsub("^.-:%d+: ", "") end) end)
try(function() return select("#", pcall(function() return nil, nil end)) end)
try(function() local r = {} for i, v in ipairs { 1, 2, nil, 4 } do r[i] = v end return r end)
try(function() return pcall(function() local x <close> = setmetatable({}, { __close = function(_, e) error("in close " .. tostring(e), 0) end }) error("body", 0) end) end)
try(function() goto done do local x = 1 end ::done:: return "reached" end)

-- metatables
try(setmetatable, {}, 1) try(setmetatable, 1, {}) try(getmetatable, {}) try(getmetatable, setmetatable({}, { __metatable = "locked" }))
try(setmetatable, setmetatable({}, { __metatable = 1 }), {}) try(getmetatable) try(setmetatable, {})
try(function() local m = { __index = function(_, k) return k .. "!" end } return setmetatable({}, m).hello end)
try(function() local t = setmetatable({}, { __call = function(self, a) return a * 2 end }) return t(4) end)
try(function() local t = setmetatable({}, { __len = function() return 9 end, __eq = function() return true end }) return #t end)
try(function() local t = setmetatable({}, { __concat = function(a, b) return "cat" end }) return t .. 1, "x" .. t end)
try(function() local t = setmetatable({}, { __unm = function() return "neg" end, __lt = function() return true end }) return -t, t < t end)
try(function() local r = {} for k, v in pairs(setmetatable({}, { __pairs = function() return function(_, k) if not k then return 1, 2 end end end })) do r[k] = v end return r end)

-- table
for _, list in ipairs { {}, { 1 }, { 3, 1, 2 }, { "b", "a", "c" }, { 5, 2.5, -1, 9, 0, 7, 7, 3 } } do
  local function copy() return table.move(list, 1, #list, 1, {}) end
  try(function() local t = copy() table.sort(t) return t end)
  try(function() local t = copy() table.sort(t, function(a, b) return a > b end) return t end)
  try(table.concat, list) try(table.concat, list, ", ") try(table.concat, list, "-", 2) try(table.concat, list, "", 1, 9)
  for _, at in ipairs { 0, 1, 2, 99, -1 } do
    try(function() local t = copy() table.insert(t, at, "new") return t end)
    try(function() local t = copy() return table.remove(t, at), t end)
  end
  try(function() local t = copy() table.insert(t, "end") return t, table.remove(t), table.remove(t), t end)
  try(function() return table.move(copy(), 2, 3, 1) end) try(function() return table.move(copy(), 1, 3, 3) end)
  try(function() return table.move(copy(), 1, #list, 5, { "x" }) end) try(table.pack, table.unpack(list))
end
try(table.insert, {}) try(table.insert, {}, 1, 2, 3) try(table.insert, nil, 1) try(table.insert, {}, 5, 1) try(table.remove, {}, 5)
try(table.remove, {}) try(table.remove, { n = 1 }, 0) try(table.concat, { {} }) try(table.concat, { 1, nil, 3 }, "", 1, 3)
try(table.concat, { 1, 2.5, "x" }, 0) try(table.sort, { 1, "x" }) try(table.sort, { 1, 2 }, 5) try(table.unpack, {}, 1, 0)
try(table.move, {}, 1, math.maxinteger, 2) try(table.move, {}, -1, math.maxinteger, 2)
try(table.unpack, {}, 1, 1e8) try(table.move, { 1, 2 }, 1, 2, math.maxinteger) try(table.pack) try(table.pack, nil, nil)
try(function() local t = {} for i = 1, 200 do t[i] = (i * 7919) % 211 end table.sort(t) return table.concat(t, " ") end)
try(function() return #table.pack(table.unpack({}, 1, 200)), select("#", table.unpack({}, 1, 200)) end)

-- math
for _, f in ipairs { "abs", "ceil", "floor", "sqrt", "exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "deg", "rad", "tointeger", "type" } do
  for _, v in ipairs { 0, 1, -1, 2.5, -2.5, 1e300, "3", "x", math.mininteger } do try(math[f], v) end
  try(math[f])
end
try(math.fmod, 7, 3) try(math.fmod, -7, 3) try(math.fmod, 7, 0) try(math.fmod, 7.5, 0) try(math.modf, -3.7) try(math.modf, 5)
try(math.max, 1, 5, 3) try(math.max) try(math.min, 2, 1.5) try(math.ult, 1, -1) try(math.log, 8, 2) try(math.log, 100, 10)
try(function() return math.pi, math.huge, math.maxinteger, math.mininteger end) try(math.tointeger, 3.0) try(math.tointeger, "8")
try(math.random, 0.5) try(math.random, 2, 1) try(math.random, 1, 2, 3) try(function() return math.random(5, 5) end) try(math.random, -3)

-- coroutines
try(function()
  local co = coroutine.create(function(a, b)
    local c = coroutine.yield(a + b)
    local d, e = coroutine.yield(c * 2)
    return d, e
  end)
  local r = { coroutine.status(co) }
  for _, args in ipairs { { 1, 2 }, { 10 }, { "x", "y" }, { 1 } } do
    r[#r + 1] = table.concat({ tostring(select(2, coroutine.resume(co, table.unpack(args)))), coroutine.status(co) }, " ")
  end
  return r
end)
try(function() local r = {} for v in coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i * i) end end) do r[#r + 1] = v end return r end)
try(function() return coroutine.resume(coroutine.create(function() error("inside", 0) end)) end)
try(function() return coroutine.resume(coroutine.create(function() error({ 1 }) end)) end)
try(function() return coroutine.wrap(function() error("inside", 0) end)() end)
try(function() local f = coroutine.wrap(function() return 1 end) f() return f() end)
try(coroutine.create, 1) try(coroutine.resume, 1) try(coroutine.wrap) try(coroutine.status, nil)
try(function() return coroutine.resume(coroutine.running()) end)
try(function() local co co = coroutine.create(function() return coroutine.resume(co) end) return coroutine.resume(co) end)
try(function() return coroutine.wrap(function() return coroutine.isyieldable(), type(coroutine.running()) end)() end)
try(function() return coroutine.wrap(function() return pcall(function() coroutine.yield(1) error("after", 0) end) end)() end)
try(function()
  local f = coroutine.wrap(function() return pcall(function() local x = coroutine.yield(1) error(x, 0) end) end)
  f()
  return f("given")
end)
try(function()
  local f = coroutine.wrap(function() return xpcall(function(a) return coroutine.yield(a) end, print, "arg") end)
  return f(), f("back", "again")
end)
try(function() local f = coroutine.wrap(function() table.sort({ 3, 2, 1 }, function(a, b) coroutine.yield() return a < b end) end) return f() end)
try(function()
  local r, f = {}, coroutine.wrap(function(...) for k, v in pairs { 10, 20, 30 } do coroutine.yield(k, v) end return "end", ... end)
  for _ = 1, 4 do r[#r + 1] = table.concat({ tostring((f(7))) }, ",") end
  return r
end)

-- next and pairs: same pairs, our order
try(function() local n = 0 for _ in next, { 1, 2, a = 3, b = 4 } do n = n + 1 end return n end)
try(function() return next {}, next { 5 }, next({ a = 1 }) end) try(next)
try(function() local t = { a = 1, b = 2, c = 3, 4, 5 } for k in pairs(t) do t[k] = nil end return next(t) end)
try(function() local t = { a = 1, b = 2, c = 3 } for k in next, t do t[k] = nil end return next(t) end)
try(function() local s = 0 for k, v in pairs { 1, 2, 3, nil, 5, x = 10 } do s = s + v end return s end)
try(function() local s = {} for k, v in pairs { 10, 20, 30 } do s[#s + 1] = k .. v end return s end)
try(pairs)
-- Debian's math has atan twice, and Lua names either in its messages
return (table.concat(out, "\n"):gsub("math%.atan2", "math.atan"))
