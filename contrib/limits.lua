-- contrib/limits.lua - the table of limits in contrib/security.md, read from the
-- sources, so that it says what the program does.
--
--   lua5.4 contrib/limits.lua            print the table
--   lua5.4 contrib/limits.lua --write    put it into contrib/security.md
--
-- A row: what is limited; `most`, the hard maxima (none: it is fixed); `by`, who
-- sets it: options of serve (the keys of moonlane.lua and MOONLANE_* have their
-- names), then what a workflow's `limits` may lower; and for each value its
-- unit, the file, and a pattern
-- whose capture is the value as it stands there (an expression of C).  A
-- pattern that fits nowhere, or in two places with different values, is an
-- error: the row is then to be corrected, by hand.
local B, MS, N = "bytes", "ms", ""
local box, server, attempt = "src/script/box.c", "src/net/server.c", "src/model/attempt.h"

local edge, serve = "src/cmd/edge.c", "src/cmd/serve.c"

-- A limit of scripts: its default, and its hard maximum.
local function of(name, unit)
  return { unit, "src/model/bound.c", "ML_BOUND_" .. name .. "%] = [^;]-%.usual = ([%w%(%)]+)" }
end
local function most_of(name, unit)
  return { unit, "src/model/bound.c", "ML_BOUND_" .. name .. "%] = [^;]-%.most = ([%w%(%)]+)" }
end

local rows = {
  { "units of a slice: activity, definition; rule (what is derived and its rules together: twice)",
    of("UNITS", N), of("RULE_UNITS", N), most = { most_of("UNITS", N), most_of("RULE_UNITS", N) },
    by = "`--script-units`, `--rule-units`; `units`, `rule_units`" },
  { "CPU time of a slice, before it is run again under the count if nobody set it: activity; rule",
    of("TIME", MS), of("RULE_TIME", MS), most = { most_of("TIME", MS), most_of("RULE_TIME", MS) },
    by = "`--script-time`, `--rule-time`; `time`, `rule_time`" },
  { "until a worker is killed, beyond the time that a slice may take: as long again, of a rule at least; of others at least; at most",
    { MS, "src/model/bound.c", "KILL_RULE_AFTER_MIN = (%d+)" }, { MS, "src/model/bound.c", "KILL_AFTER_MIN = (%d+)" },
    { MS, "src/model/bound.c", "KILL_AFTER_MAX = (%d+)" }, by = "the row above" },
  { "deaths of workers on one slice", { N, "src/script/host_inside.h", "DEATHS_MAX = (%d+)" } },
  { "script workers: most; with those made while slices run long; of these kept for others",
    { N, "src/script/host_inside.h", "WORKERS_MAX = (%d+)" }, { N, "src/script/host_inside.h", "PLACES_MAX = (%d+)" }, { N, "src/script/host_inside.h", "SPARE = (%d+)" } },
  { "processes of a bundle with such deaths before its quarantine; within",
    { N, "src/run/inside.h", "QUARANTINE_PROCESSES = (%d+)" }, { MS, "src/run/inside.h", "QUARANTINE_MS = (%d+)" } },
  { "memory of a script; one block of it (a quarter of the memory, if that is more)", of("MEMORY", B),
    { B, box, "l%.memory / 4 : ([%d%* MIB]+)" }, most = { most_of("MEMORY", B) }, by = "`--script-memory`; `memory`" },
  { "coroutines that have not ended", of("COROUTINES", N), most = { most_of("COROUTINES", N) },
    by = "`--script-coroutines`; `coroutines`" },
  { "one source file; files of a bundle", of("SOURCE", B), { N, attempt, "ML_SOURCES_MAX = (%d+)" },
    most = { most_of("SOURCE", B) }, by = "`--script-source`" },
  { "one value: a result, a field's, an entry's of a journal", of("RESULT", B), most = { most_of("RESULT", B) },
    by = "`--script-result`; `result`" },
  { "depth of a result", { N, "src/script/convert.h", "ML_CONVERT_DEPTH (%d+)" } },
  { "a journal: entries; all their bytes", of("ENTRIES", N), of("JOURNAL", B),
    most = { most_of("ENTRIES", N), most_of("JOURNAL", B) },
    by = "`--journal-entries`, `--journal-bytes`; `journal_entries`, `journal_bytes`" },
  { "text of an error", { B, attempt, "ML_ERROR_MAX = ([%d <]+)" } },
  { "log of a slice: lines; one line; all",
    { N, attempt, "ML_LOG_LINES_MAX = (%d+)" }, { B, attempt, "ML_LOG_LINE_MAX = ([%d <]+)" }, { B, "src/script/bind.h", "ML_LOG_BYTES_MAX = ([%d <]+)" } },
  { "comments of an attempt; one of them", { N, attempt, "ML_COMMENTS_MAX = (%d+)" }, { B, attempt, "ML_COMMENT_MAX = ([%d <]+)" } },
  { "value of a field without another limit of `result`; of a string", { B, "src/model/field.h", "ML_FIELD_BYTES_MAX = ([%d <]+)" }, { B, "src/model/field.h", "ML_FIELD_STRING_MAX = ([%d <]+)" } },
  { "request line; header block; header fields",
    { B, server, "m%.line, ([%du <]+)" }, { B, server, "m%.header_bytes, ([%du <]+)" }, { N, server, "m%.header_fields, (%d+)" }, most = { { B, edge, "\"http%-line\", %u+, [%w%(%)]+, ([%w%(%)]+)" }, { B, edge, "\"http%-headers\", %u+, [%w%(%)]+, ([%w%(%)]+)" }, { N, edge, "\"http%-fields\", %u+, [%w%(%)]+, ([%w%(%)]+)" } }, by = "`--http-line`, `--http-headers`, `--http-fields`" },
  { "body of a request", { B, server, "m%.body : ([%du <]+)" }, most = { { B, edge, "\"http%-body\", %u+, [%w%(%)]+, ([%w%(%)]+)" } }, by = "`--http-body`" },
  { "deadline of headers; body; idle; whole request",
    { MS, server, "m%.header_ms, (%d+)" }, { MS, server, "m%.body_ms, (%d+)" }, { MS, server, "m%.idle_ms, (%d+)" }, { MS, server, "m%.request_ms, (%d+)" }, most = { { MS, edge, "\"header%-time\", %u+, [%w%(%)]+, ([%w%(%)]+)" }, { MS, edge, "\"body%-time\", %u+, [%w%(%)]+, ([%w%(%)]+)" }, { MS, edge, "\"idle%-time\", %u+, [%w%(%)]+, ([%w%(%)]+)" }, { MS, edge, "\"request%-time\", %u+, [%w%(%)]+, ([%w%(%)]+)" } }, by = "`--header-time`, `--body-time`, `--idle-time`, `--request-time`" },
  { "least rate of a body, a second", { B, server, "m%.body_rate, (%d+)" } },
  { "connections: all; of one peer; unread output of one",
    { N, server, "m%.connections, (%d+)" }, { N, server, "m%.per_peer, (%d+)" }, { B, server, "m%.unread, ([%du <]+)" }, most = { { N, serve, "CONNECTIONS_MOST = (%d+)" }, { N, serve, "CONNECTIONS_MOST = (%d+)" }, { B, edge, "\"http%-unread\", %u+, [%w%(%)]+, ([%w%(%)]+)" } }, by = "`--connections`, `--peer-connections`, `--http-unread`" },
  { "JSON: depth; members; digits of a number",
    { N, "src/base/json_read.c", "DEPTH_MAX (%d+)" }, { N, "src/base/json_read.c", "limits%.members = (%d+)" }, { N, "src/base/json_read.c", "limits%.digits = (%d+)" } },
  { "records in the history of a process", { N, "src/run/run.h", "ML_HISTORY_MAX = (%d+)" }, most = { { N, serve, "HISTORY_MOST = (%d+)" } }, by = "`--history-max`" },
  { "life of an Idempotency-Key; of an occurrence a trigger has seen, and not before its process has ended; both by the time the engine is up",
    { MS, "src/run/run.h", "ML_KEEP_KEYS_MS %(%(int64_t%)([%d%* ]+)%)" }, { MS, "src/run/run.h", "ML_KEEP_SEEN_MS %(%(int64_t%)([%d%* ]+)%)" }, by = "`--keep-keys`, `--keep-occurrences`" },
  { "accepted starts that are not yet at rest", { N, "src/run/run.c", "queue_max = (%d+)" }, most = { { N, serve, "QUEUE_MOST = (%d+)" } }, by = "`--queue-max`" },
  { "a hook without `rate`: requests a second; burst",
    { N, "src/run/hook.c", "rate_default = {%.n = (%d+), %.per_ms = 1000," }, { N, "src/run/hook.c", "rate_default = {.-%.burst = (%d+)}" }, most = { { N, "src/base/rate.h", "ML_RATE_MAX (%d+)" } }, by = "`--hook-rate`" },
  { "a signed request: early or late; known without a moment of its own",
    { MS, "src/base/sign.h", "ML_SIGN_TOLERANCE_MS %(([%d%* ]+)%)" }, { MS, "src/run/hook.c", "KNOWN_MS = ([%d%* ]+)" } },
  { "keys of a secret at a time", { N, "src/base/sign.h", "ML_SIGN_KEYS_MAX (%d+)" } },
  { "failed tokens a minute and peer; then a delay of",
    { N, "src/api/api_auth.c", "FAILURES_MAX = (%d+)" }, { MS, "src/api/api_auth.c", "DELAY_MS = (%d+)" } },
  { "outgoing calls: all; to one host; answer after decoding",
    { N, "src/net/client.c", "OPEN_MAX (%d+)" }, { N, "src/net/client.c", "PER_HOST (%d+)" }, { B, "src/net/client_call.c", "BODY_MAX %(([%du <]+)%)" } },
  { "outgoing calls of one workflow", { N, "src/run/run.h", "ML_CALLS_AT_ONCE = (%d+)" },
    most = { { N, serve, " CALLS_MAX = (%d+)" } }, by = "`--workflow-calls`; `calls`" },
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
    expr = expr:gsub("MIB%((%d+)%)", "(%1 << 20)"):gsub("KIB%((%d+)%)", "(%1 << 10)")
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

local function all(what, list, from)
  local out = {}
  for i = from, #list do out[#out + 1] = shown(value(what, list[i]), list[i][1]) end
  return table.concat(out, "; ")
end

-- Without `by` a limit is fixed; without `most` what sets it has no maximum.
local out = { "| what | limit | hard maximum | set by |", "| --- | --- | --- | --- |" }
for _, row in ipairs(rows) do
  out[#out + 1] = ("| %s | %s | %s | %s |"):format(row[1], all(row[1], row, 2),
    row.most and all(row[1], row.most, 1) or row.by and "none" or "fixed", row.by or "")
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
