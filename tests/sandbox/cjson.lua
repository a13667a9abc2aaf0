-- Values whose JSON must be the same from stock lua-cjson and through the
-- guard of the sandbox: one line each.  Run by tests/test_lib.c.  Objects have
-- one member: stock lua-cjson writes members in no order.
local cjson = require "cjson.safe"
local out = {}
pcall(cjson.decode_invalid_numbers, false)   -- the sandbox's setting


local function show(v)
  if type(v) ~= "table" then
    return (math.type(v) or type(v)) .. ":" .. (type(v) == "userdata" and "null" or tostring(v))
  end
  local keys = {}
  for k in pairs(v) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i, k in ipairs(keys) do keys[i] = tostring(k) .. "=" .. show(v[k]) end
  return "{" .. table.concat(keys, ",") .. "}"
end

local function add(...)
  local r = table.pack(...)
  for i = 1, r.n do r[i] = show(r[i]) end
  out[#out + 1] = (table.concat(r, " "):gsub("\n", "\\n"))
end

local all = {} for i = 0, 255 do all[#all + 1] = string.char(i) end
for _, v in ipairs {
  1, 0, -1, 1.5, 1e100, 1e15, 123456789012345, 1 / 3, 0.1, -0.0, math.maxinteger, 2 ^ 53, 1e-7,
  "", "text", "a/b\\c\"d", "tab\tnew\nline\r\b\f", "\0", "\127", "ä€😀", "\xff", table.concat(all),
  true, false, cjson.null, {}, { 1 }, { 1, 2, 3 }, { {} }, { { 1 }, { {}, { 2 } } }, { a = 1 }, { a = {} },
  { [""] = "" }, { [1.5] = 1 }, { [-1] = "x" }, { [0] = 0 }, { 1, nil, 3 }, { 1, 2, nil, nil, 5 },
  { [10] = 1 }, { [11] = 1 }, { [3] = "c" }, { cjson.null }, { a = cjson.null }, { a = { b = { c = { "deep" } } } },
  print, { print }, { a = print }, coroutine.create(print), { [true] = 1 }, { [{}] = 1 }, 0 / 0, 1 / 0, { -1 / 0 },
} do
  add("encode", cjson.encode(v))
end
add("nil", cjson.encode(nil))
for _, s in ipairs {
  "1", "1.5", "-0", "1e3", "9007199254740993", "true", "false", "null", '""', '"a\\u0041\\n\\/"', '"\\ud83d\\ude00"',
  "[]", "{}", "[1,[2,[3]]]", '{"a":{"b":[null]}}', ' [ 1 , 2 ] ', "[1,]", "{,}", "", " ", "[", '{"a"}', '{"a":}',
  '{a:1}', "nul", "truefalse", "[1 2]", '"\\x"', '"open', '"\\ud800"', "[1] 2", '{"a":1,"a":2}', "'x'", "01x",
  "[[[[[[[[[[[[1]]]]]]]]]]]]", '"ä"', "[1,2,3,4,5,6,7,8,9]", '{"1":1}', "-", "+1e", "1.", ".5",
} do
  add("decode", s, cjson.decode(s))
end
add("arguments", (pcall(cjson.encode)), (pcall(cjson.decode)), (pcall(cjson.decode, 1, 2)))
add("names", cjson._NAME, cjson._VERSION, type(cjson.null), cjson.null == require "cjson.safe".null)
return table.concat(out, "\n")
