-- contrib/limits.lua - the table of limits in contrib/security.md, read from the
-- sources, so that it says what the program does.
--
--   lua5.4 contrib/limits.lua            print the table
--   lua5.4 contrib/limits.lua --write    put it into contrib/security.md
--
-- A row: what is limited; then for each value its unit, the file, and a pattern
-- whose capture is the value as it stands there (an expression of C).  A
-- pattern that fits nowhere, or in two places with different values, is an
-- error: the row is then to be corrected, by hand.
local B, MS, N = "bytes", "ms", ""
local box, server, attempt = "src/script/box.c", "src/net/server.c", "src/model/attempt.h"

local rows = {
  { "units of a slice: activity, definition; rule",
    { N, box, "l%.units : (%d+)" }, { N, "src/script/worker.c", "RULE_UNITS = (%d+)" } },
  { "CPU time of a slice before it is run again under the count: activity; rule",
    { MS, box, "l%.soft_ms : (%d+)" }, { MS, "src/script/worker.c", "RULE_SOFT_MS = (%d+)" } },
  { "time of a slice before its worker is killed: rule; else",
    { MS, "src/script/host.c", "ML_ASK_RULE %? (%d+) : " }, { MS, "src/script/host.c", "ML_ASK_RULE %? %d+ : [^;]-(%d+);" } },
  { "deaths of workers on one slice", { N, "src/script/host_inside.h", "DEATHS_MAX = (%d+)" } },
  { "script workers: most; with those made while slices run long; of these kept for others",
    { N, "src/script/host_inside.h", "WORKERS_MAX = (%d+)" }, { N, "src/script/host_inside.h", "PLACES_MAX = (%d+)" }, { N, "src/script/host_inside.h", "SPARE = (%d+)" } },
  { "processes of a bundle with such deaths before its quarantine; within",
    { N, "src/run/inside.h", "QUARANTINE_PROCESSES = (%d+)" }, { MS, "src/run/inside.h", "QUARANTINE_MS = (%d+)" } },
  { "memory of a script; one block of it", { B, box, "l%.memory : ([%d%* MIB]+)" }, { B, box, "l%.block : ([%d%* MIB]+)" } },
  { "coroutines that have not ended", { N, box, "l%.coroutines : (%d+)" } },
  { "one source file; files of a bundle",
    { B, "src/script/box.h", "ML_BOX_SOURCE_MAX %(%(size_t%)([%d %*]+)%)" }, { N, attempt, "ML_SOURCES_MAX = (%d+)" } },
  { "depth of a result", { N, "src/script/convert.h", "ML_CONVERT_DEPTH (%d+)" } },
  { "a journal: entries; one of them; all",
    { N, attempt, "ML_ENTRIES_MAX = (%d+)" }, { B, attempt, "ML_ENTRY_MAX = ([%d <]+)" }, { B, attempt, "ML_JOURNAL_MAX = ([%d <]+)" } },
  { "text of an error", { B, attempt, "ML_ERROR_MAX = ([%d <]+)" } },
  { "log of a slice: lines; one line; all",
    { N, attempt, "ML_LOG_LINES_MAX = (%d+)" }, { B, attempt, "ML_LOG_LINE_MAX = ([%d <]+)" }, { B, "src/script/bind.h", "ML_LOG_BYTES_MAX = ([%d <]+)" } },
  { "comments of an attempt; one of them", { N, attempt, "ML_COMMENTS_MAX = (%d+)" }, { B, attempt, "ML_COMMENT_MAX = ([%d <]+)" } },
  { "value of a field; of a string", { B, "src/model/field.h", "ML_FIELD_BYTES_MAX = ([%d <]+)" }, { B, "src/model/field.h", "ML_FIELD_STRING_MAX = ([%d <]+)" } },
  { "request line; header block; header fields",
    { B, server, "m%.line, ([%du <]+)" }, { B, server, "m%.header_bytes, ([%du <]+)" }, { N, server, "m%.header_fields, (%d+)" } },
  { "body of a request", { B, server, "m%.body : ([%du <]+)" } },
  { "deadline of headers; body; idle; whole request",
    { MS, server, "m%.header_ms, (%d+)" }, { MS, server, "m%.body_ms, (%d+)" }, { MS, server, "m%.idle_ms, (%d+)" }, { MS, server, "m%.request_ms, (%d+)" } },
  { "least rate of a body, a second", { B, server, "m%.body_rate, (%d+)" } },
  { "connections: all (`--connections`); of one peer (`--peer-connections`); unread output of one",
    { N, server, "m%.connections, (%d+)" }, { N, server, "m%.per_peer, (%d+)" }, { B, server, "m%.unread, ([%du <]+)" } },
  { "JSON: depth; members; digits of a number",
    { N, "src/base/json_read.c", "DEPTH_MAX (%d+)" }, { N, "src/base/json_read.c", "limits%.members = (%d+)" }, { N, "src/base/json_read.c", "limits%.digits = (%d+)" } },
  { "records in the history of a process (`--history-max`)", { N, "src/run/run.h", "ML_HISTORY_MAX = (%d+)" } },
  { "life of an Idempotency-Key (`--keep-keys`); of an occurrence a trigger has seen, and not before its process has ended (`--keep-occurrences`); both by the time the engine is up",
    { MS, "src/run/run.h", "ML_KEEP_KEYS_MS %(%(int64_t%)([%d%* ]+)%)" }, { MS, "src/run/run.h", "ML_KEEP_SEEN_MS %(%(int64_t%)([%d%* ]+)%)" } },
  { "accepted starts that are not yet at rest (`--queue-max`)", { N, "src/run/run.c", "queue_max = (%d+)" } },
  { "a hook without `rate`: requests a second; burst",
    { N, "src/run/hook.c", "rate_default = {%.n = (%d+), %.per_ms = 1000," }, { N, "src/run/hook.c", "rate_default = {.-%.burst = (%d+)}" } },
  { "a signed request: early or late; known without a moment of its own",
    { MS, "src/base/sign.h", "ML_SIGN_TOLERANCE_MS %(([%d%* ]+)%)" }, { MS, "src/run/hook.c", "KNOWN_MS = ([%d%* ]+)" } },
  { "keys of a secret at a time", { N, "src/base/sign.h", "ML_SIGN_KEYS_MAX (%d+)" } },
  { "failed tokens a minute and peer; then a delay of",
    { N, "src/api/api_auth.c", "FAILURES_MAX = (%d+)" }, { MS, "src/api/api_auth.c", "DELAY_MS = (%d+)" } },
  { "outgoing calls: all; to one host; answer after decoding",
    { N, "src/net/client.c", "OPEN_MAX (%d+)" }, { N, "src/net/client.c", "PER_HOST (%d+)" }, { B, "src/net/client_call.c", "BODY_MAX %(([%du <]+)%)" } },
  { "outgoing calls of one workflow (`workflow_calls`; its own `calls` may be less): default; most",
    { N, "src/run/run.h", "ML_CALLS_AT_ONCE = (%d+)" }, { N, "src/cmd/serve.c", "CALLS_MAX = (%d+)" } },
  { "outgoing calls that wait for one host", { N, "src/net/client.c", "HOST_WAITING (%d+)" } },
  { "a host rests after failures in a row; first rest; longest",
    { N, "src/net/client_health.h", "ML_HOST_REST_AFTER = (%d+)" }, { MS, "src/net/client_health.h", "ML_HOST_REST_MS = (%d+)" }, { MS, "src/net/client_health.h", "ML_HOST_REST_MS_MAX = (%d+)" } },
  { "processes at work at which what is due waits for room; at most for",
    { N, "src/run/due.c", "ADMIT_MAX = (%d+)" }, { MS, "src/run/due.c", "ADMIT_MS = (%d+)" } },
  { "outgoing: connect; whole call; redirects followed",
    { MS, "src/net/client_call.c", "CONNECT_MS (%d+)" }, { MS, "src/net/client_call.c", "TIMEOUT_MS (%d+)" }, { N, "src/net/client_call.c", "CURLOPT_FOLLOWLOCATION, (%d+)L" } },
}

local function die(...)
  io.stderr:write("limits: ", string.format(...), "\n")
  os.exit(1)
end

local texts = {}
local function source(path)
  if not texts[path] then
    local f = io.open(path) or die("%s is not there", path)
    texts[path] = f:read "a"
    f:close()
  end
  return texts[path]
end

local function value(what, v)
  local path, pattern = v[2], v[3]
  local found
  for expr in source(path):gmatch(pattern) do
    expr = expr:gsub("MIB", tostring(1 << 20)):gsub("(%d)u", "%1")
    local f = load("return " .. expr)
    local n = f and math.tointeger(f())
    if not n then die("'%s': '%s' in %s is no number", what, expr, path) end
    if found and found ~= n then die("'%s': %s says both %d and %d", what, path, found, n) end
    found = n
  end
  return found or die("'%s': nothing in %s fits %s", what, path, pattern)
end

local function shown(n, unit)
  if unit == B then
    for _, u in ipairs { { 1 << 20, "MiB" }, { 1 << 10, "KiB" } } do
      if n >= u[1] and n % u[1] == 0 then return ("%d %s"):format(n // u[1], u[2]) end
    end
    return n .. " bytes"
  elseif unit == MS then
    if n >= 172800000 and n % 86400000 == 0 then return n // 86400000 .. " days" end
    if n >= 1000 and n % 1000 == 0 then return n // 1000 .. " s" end
    return n .. " ms"
  end
  local text = tostring(n):reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return text
end

local out = { "| what | limit |", "| --- | --- |" }
for _, row in ipairs(rows) do
  local list = {}
  for i = 2, #row do list[#list + 1] = shown(value(row[1], row[i]), row[i][1]) end
  out[#out + 1] = ("| %s | %s |"):format(row[1], table.concat(list, "; "))
end
local limits = table.concat(out, "\n") .. "\n"

if arg[1] == "--write" then
  local path = "contrib/security.md"
  local text = source(path)
  local a, b = text:find "<!%-%- limits:[^\n]*\n.-<!%-%- end %-%->"
  if not a then die("%s has no place for the table", path) end
  local head = text:sub(a, b):match "^[^\n]*\n"
  local f = assert(io.open(path, "w"))
  f:write(text:sub(1, a - 1), head, limits, "<!-- end -->", text:sub(b + 1))
  assert(f:close())
elseif arg[1] == nil then
  io.write(limits)
else
  die("what is '%s'? There is only --write", arg[1])
end
