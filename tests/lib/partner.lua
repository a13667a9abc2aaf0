-- partner.lua - plays the engine that takes an invitation (src/run/partner.h), so
-- that a test can send by itself what partners send.
--
--   lua5.4 tests/lib/partner.lua accept FILE BODY    the code on standard input
--   lua5.4 tests/lib/partner.lua say FILE ID BODY
--
-- `accept` prints the path, the three headers as arguments of curl, and writes
-- the message, which brings a new secret, into BODY; FILE keeps link and secret
-- for `say`, which signs the message in BODY.  One word a line, for mapfile.

local cjson = require "cjson"

local function openssl(args, input)
  local name = os.tmpname()
  local f = assert(io.open(name, "wb"))
  f:write(input)
  f:close()
  local p = assert(io.popen("openssl " .. args .. " < " .. name .. " 2> /dev/null", "r"))
  local out = p:read "a"
  p:close()
  os.remove(name)
  assert(#out > 0, "openssl " .. args:match "^%S+" .. " gave nothing")
  return out
end

local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
local function base64(s) return (openssl("base64 -A", s)) end
local function base64url(s) return (base64(s):gsub("[+/=]", { ["+"] = "-", ["/"] = "_", ["="] = "" })) end
local function unbase64url(s)
  s = s:gsub("[-_]", { ["-"] = "+", ["_"] = "/" })
  return openssl("base64 -d -A", s .. ("="):rep(-#s % 4))
end

-- ---- AES-256-GCM: the program openssl has counter mode alone ----

local function times(xh, xl, yh, yl)   -- in GF(2^128), the first bit the highest
  local zh, zl = 0, 0
  for i = 0, 127 do
    local bit = i < 64 and xh >> (63 - i) or xl >> (127 - i)
    if bit & 1 == 1 then zh, zl = zh ~ yh, zl ~ yl end
    local carry = yl & 1
    yh, yl = yh >> 1, yl >> 1 | yh << 63
    if carry == 1 then yh = yh ~ 0xe1 << 56 end
  end
  return zh, zl
end

local function xor(a, b)
  local out = {}
  for i = 1, #a do out[i] = string.char(a:byte(i) ~ b:byte(i)) end
  return table.concat(out)
end

local function seal(key, nonce, more, text)
  local function ctr(count, s)
    return openssl(("enc -aes-256-ctr -K %s -iv %s"):format(hex(key), hex(nonce .. (">I4"):pack(count))), s)
  end
  local zero = ("\0"):rep(16)
  local hh, hl = (">i8i8"):unpack(openssl("enc -aes-256-ecb -nopad -K " .. hex(key), zero))
  local sealed = ctr(2, text)
  local all = more .. ("\0"):rep(-#more % 16) .. sealed .. ("\0"):rep(-#sealed % 16) ..
    (">I8I8"):pack(#more * 8, #sealed * 8)
  local yh, yl = 0, 0
  for at = 1, #all, 16 do
    local bh, bl = (">i8i8"):unpack(all, at)
    yh, yl = times(yh ~ bh, yl ~ bl, hh, hl)
  end
  return nonce .. sealed .. xor((">i8i8"):pack(yh, yl), ctr(1, zero))
end

-- ---- messages ----

local function write(name, text)
  local f = assert(io.open(name, "wb"))
  f:write(text)
  f:close()
end

local function read(name)
  local f = assert(io.open(name, "rb"))
  local text = f:read "a"
  f:close()
  return text
end

local function signed(link, secret, id, body)
  local at = tostring(os.time())
  local mac = openssl("dgst -sha256 -mac HMAC -macopt hexkey:" .. hex(secret) .. " -binary", id .. "." .. at .. "." .. body)
  print("/partners/" .. link)
  print("-H\nwebhook-id: " .. id)
  print("-H\nwebhook-timestamp: " .. at)
  print("-H\nwebhook-signature: v1," .. base64(mac))
end

if arg[1] == "accept" then
  local code = cjson.decode(unbase64url(io.read("a"):match "moonlane1%.([%w_-]+)"))
  local random = assert(io.open("/dev/urandom", "rb")):read(44)
  local first, secret, nonce = unbase64url(code.secret), random:sub(1, 32), random:sub(33)
  local body = cjson.encode { type = "accept", url = "http://127.0.0.1:9",
    secret = base64url(seal(first, nonce, "partner/" .. code.link, secret)) }
  write(arg[2], code.link .. hex(secret))
  write(arg[3], body)
  signed(code.link, first, "accept-" .. hex(nonce), body)
else
  local kept = read(arg[2])
  local secret = kept:sub(33):gsub("..", function(h) return string.char(tonumber(h, 16)) end)
  signed(kept:sub(1, 32), secret, arg[3], read(arg[4]))
end
