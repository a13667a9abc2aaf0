-- Every pattern against every subject, with find, match, gmatch and gsub: one
-- line each.  Run by tests/test_lib.c in stock Lua and in the sandbox; the
-- lines must be equal.
local subjects = {
  "", "a", "aaa", "hello world", "  two  spaces ", "key = value", "x=1, y=22,z=",
  "THE (quick) fox", "((a)(b))", "a.b-c+d*e?f", "%d%s", "[set]", "f(a(b)c)d)",
  "\0nul\0", "tab\tnew\nline", "åäö ÿ", "2026-03-01T04:05", "0x1F -12.5e3",
  "aXbXc", "__index", "^start$", "]-]", "hello hello", ("ab"):rep(20),
}
local patterns = {
  "", "a", ".", ".*", ".-", ".+", "a*", "a-", "a+", "a?", "^", "$", "^$", "^a",
  "a$", "^.-$", "%a+", "%A+", "%d+", "%s*", "%S+", "%w+", "%W", "%p", "%P+",
  "%c", "%x+", "%X", "%u", "%l+", "%g+", "%g*$", "[abc]", "[^abc]+", "[a-z]+",
  "[%a_][%w_]*", "[]]", "[^]]", "[]-]", "[a-]", "[-a]", "[%]]", "[^%s]+", "[a-%%]",
  "[%d-x]", "(a)", "(.)(.)", "()", "()a()", "(a*(.)%w(%s*))", "(%w+)%s*=%s*(%w*)",
  "(%d+)-(%d+)-(%d+)", "%b()", "%b[]", "%bxx", "%bab", "%f[%w]%w+", "%f[%a]",
  "%f[%z]", "%f[^%w]", "(.)%1", "(.).*%1", "(%a+) %1", "^(.-)%s*$", "^%s*(.-)%s*$",
  "%.", "%-", "%+", "%*", "%?", "%(", "%%", "%[", "%^", "%$", "a.c", "h.-o",
  "h.*o", "o w", "l+", "l-o", "(l)(l)", "((l)l)", "x?y?z?", "%d%d?%d?", "[0-9a-fA-F]+",
  "0[xX]%x+", "-?%d+%.?%d*[eE]?%d*", "\0", "[%z]", "[\0-\31]", "[\128-\255]+",
  "^a*$", "^[^=]*=", "a^", "a$b", "$a", "^^", "$$", "[$]", "[.]", ".$", "(^a)",
  "(a$)", "()$", "(()())", "(.-)(b*)$", "b*$", "%s+$", "a-$", "(a-)b",
  -- refused by Lua
  "%", "a%", "[", "[a", "[^", "[]", "[^]", "[%", "[a%", "(", "(a", ")", "a)", "())",
  "%1", "(%1)", "(a)%2", "(a)(b)%3", "%b", "%bx", "%f", "%fa", "%f[", "%f[a", "%0",
  ("(a)"):rep(33), ("a?"):rep(300), ("()"):rep(32), ("(a"):rep(250),
}
local out = {}

local function show(...)
  local r = table.pack(...)
  for i = 1, r.n do
    local v = r[i]
    r[i] = type(v) == "string" and string.format("%q", v) or tostring(v)
  end
  return table.concat(r, " ")
end

local function add(what, s, p, ...)
  out[#out + 1] = string.format("%s %q %q: %s", what, s, p, show(...))
end

local function collect(s, p, init)
  local all = {}
  for a, b, c in string.gmatch(s, p, init) do
    all[#all + 1] = show(a, b, c)
    if #all > 60 then break end
  end
  return table.concat(all, "|")
end

for _, s in ipairs(subjects) do
  for _, p in ipairs(patterns) do
    add("find", s, p, pcall(string.find, s, p))
    add("find 3", s, p, pcall(string.find, s, p, 3))
    add("match -2", s, p, pcall(string.match, s, p, -2))
    add("gmatch", s, p, pcall(collect, s, p))
    add("gmatch 2", s, p, pcall(collect, s, p, 2))
    add("gsub", s, p, pcall(string.gsub, s, p, "<%0>"))
    add("gsub %1", s, p, pcall(string.gsub, s, p, "%1%%", 2))
    add("gsub %2", s, p, pcall(string.gsub, s, p, "%2"))
    add("gsub f", s, p, pcall(string.gsub, s, p, function(a, b)
      return a and "{" .. tostring(a) .. tostring(b) .. "}"
    end))
    add("gsub t", s, p, pcall(string.gsub, s, p, { a = "A", l = 7, o = false, x = 1.5 }))
  end
  add("plain", s, "a.b", string.find(s, "a.b", 1, true))
  add("plain", s, "", string.find(s, "", 1, true))
  add("plain", s, "", string.find(s, "", 1000, true))
  add("plain", s, "o", string.find(s, "o", -5, true))
end
for _, r in ipairs { "%", "%a", "%9", "x%", "%%", "%0%0", "%1%1", "", "%2" } do
  add("replace", "abc", r, pcall(string.gsub, "abc", "b", r))
  add("replace", "abc", r, pcall(string.gsub, "abc", "(b)()", r))
end
for _, r in ipairs { true, {}, 12, 1.5, "s", print } do
  add("value", "abc", type(r), pcall(string.gsub, "abc", "b", function() return r end))
  add("value", "abc", type(r), pcall(string.gsub, "abc", "b", type(r) == "function" and {} or r))
end
add("nil", "", "", pcall(string.gsub, "abc", "b"))
add("nil", "", "", pcall(string.find, nil, "b"))
add("nil", "", "", pcall(string.find, "a"))
add("n", "abc", "", string.gsub("abc", "", "-", 0))
add("n", "abc", "", string.gsub("abc", "", "-", -1))
add("n", "abc", "", string.gsub("abc", "", "-", 2))
add("number", "", "", string.find(12345, 34), string.gsub(121, 1, 3))

-- patterns made up from pieces; short subjects, so that Lua comes to an end
local pieces = {
  "a", "b", ".", "%a", "%d", "%s", "[ab]", "[^a]", "[a-c%d]", "*", "+", "-", "?", "(", ")", "()",
  "%1", "%2", "^", "$", "%b()", "%bab", "%f[a]", "%f[^%w]", "%", "[", "]", "%.", "[]", "[%]]", "x", "1",
}
local letters = { "a", "b", "c", "(", ")", "1", " ", "x", "]", "." }
local state = 20260301

local function pick(list)
  state = (state * 1103515245 + 12345) % 2147483648
  return list[state // 65536 % #list + 1]
end

for round = 1, 6000 do
  local p, s = {}, {}
  for i = 1, round % 7 + 1 do p[i] = pick(pieces) end
  for i = 1, round % 13 do s[i] = pick(letters) end
  p, s = table.concat(p), table.concat(s)
  add("find", s, p, pcall(string.find, s, p, round % 5 - 2))
  add("match", s, p, pcall(string.match, s, p))
  add("gmatch", s, p, pcall(collect, s, p))
  add("gsub", s, p, pcall(string.gsub, s, p, "<%0%1>", round % 4))
end
return table.concat(out, "\n")
