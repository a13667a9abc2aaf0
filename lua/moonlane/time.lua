-- moonlane.time: moments and durations.
--
-- A moment is an integer, milliseconds since 1970 UTC.  A duration is one too.
--   time.parse "2026-03-01T09:30:00+09:00"   a moment; raises when it is none
--   time.try "..."                           a moment, or nil and the reason
--   time.print(ms [, "+09:00"])              "2026-03-01T00:30:00Z", or there
--   time.add(ms, "3 days")                   a later moment; "-2h": an earlier one
--   time.months(ms, n [, "+09:00"])          n months on, at most at its last day
--   time.duration "1h30m"                    5400000; raises
--   time.show(ms)                            "1h30m"
--   time.parts(ms [, "+09:00"])              { year, month, day, hour, min, sec,
--                                              ms, weekday (1 Monday to 7) }
--   time.at { year=, month=, day=, hour=, min=, sec=, ms=, zone= }
--   time.date(ms [, "+09:00"])               "2026-03-01"
-- The same texts are read as everywhere in moonlane (fields, due, retry).
local M = {}

local SECOND <const> = 1000
local MINUTE <const> = 60 * SECOND
local HOUR <const> = 60 * MINUTE
local DAY <const> = 24 * HOUR
local YEARS_100 <const> = 36525 * DAY

local UNITS = {                     -- falling in size
  { "w", "week", 7 * DAY }, { "d", "day", DAY }, { "h", "hour", HOUR },
  { "m", "minute", MINUTE }, { "s", "second", SECOND }, { "ms", "millisecond", 1 },
}

local function show_text(s)
  if type(s) ~= "string" then return "a " .. type(s) end
  return "'" .. (#s > 60 and s:sub(1, 57) .. "..." or s) .. "'"
end

local function whole(ms, what)
  if math.type(ms) == "integer" then return ms end
  local i = type(ms) == "number" and math.tointeger(ms)
  if i then return i end
  error(what .. " is an integer of milliseconds, not "
        .. (type(ms) == "number" and "a number with a fraction" or "a " .. type(ms)), 3)
end

-- ---- the calendar (proleptic Gregorian) ----

-- Days since 1970-01-01.  Years that begin in March put the leap day last.
local function days_of(year, month, day)
  local y = month < 3 and year - 1 or year
  local m = (month + 9) % 12
  return y * 365 + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + day - 1 - 719468
end

local function civil(days)
  local since = days + 719468
  local cycle = since // 146097
  local left = since - cycle * 146097
  local century = math.min(left // 36524, 3)
  left = left - century * 36524
  local four = left // 1461
  left = left - four * 1461
  local year = math.min(left // 365, 3)
  left = left - year * 365
  local m = (5 * left + 2) // 153
  local month = m < 10 and m + 3 or m - 9
  return cycle * 400 + century * 100 + four * 4 + year + (m >= 10 and 1 or 0), month,
         left - (153 * m + 2) // 5 + 1
end

local function days_in(year, month)
  local next_year, next_month = year, month + 1
  if next_month == 13 then next_year, next_month = year + 1, 1 end
  return days_of(next_year, next_month, 1) - days_of(year, month, 1)
end

local FIRST <const> = -62135596800000      -- the year 1
local LAST <const> = 253402300799999       -- the end of 9999

-- "Z", "+09:00", "-03", nil: minutes east of UTC; nil when it is no zone.
local function offset_of(zone)
  if zone == nil or zone == "Z" or zone == "z" then return 0 end
  if type(zone) ~= "string" then return nil end
  local sign, h, m = zone:match "^([+-])(%d%d):(%d%d)$"
  if not sign then
    sign, h = zone:match "^([+-])(%d%d)$"
    m = "0"
  end
  if not sign or tonumber(h) > 23 or tonumber(m) > 59 then return nil end
  return (tonumber(h) * 60 + tonumber(m)) * (sign == "-" and -1 or 1)
end

local function need_offset(zone)
  return offset_of(zone)
         or error("a zone is 'Z' or an offset such as '+09:00', not "
                  .. show_text(zone), 3)
end

-- ---- moments ----

local WANTED = " is not a moment; write it as 2026-03-01T04:05:06Z or "
               .. "2026-03-01T13:05+09:00, in the years 1 to 9999"

function M.try(s)
  if type(s) ~= "string" then return nil, show_text(s) .. WANTED end
  local y, mo, d, h, mi, after =
    s:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)[Tt ](%d%d):(%d%d)(.*)$"
  if not y then return nil, show_text(s) .. WANTED end
  local sec, more = after:match "^:(%d%d)(.*)$"
  local fraction
  if sec then
    after = more
    fraction, more = after:match "^%.(%d+)(.*)$"
    if fraction then after = more end
  end
  if after == "" then
    return nil, show_text(s) .. " names no time zone; end it with Z or with an offset "
                .. "such as +09:00"
  end
  local east = offset_of(after)
  y, mo, d, h, mi = tonumber(y), tonumber(mo), tonumber(d), tonumber(h), tonumber(mi)
  sec = tonumber(sec or 0)
  local ms = tonumber(((fraction or "") .. "000"):sub(1, 3))
  if not east or y < 1 or mo < 1 or mo > 12 or d < 1 or d > days_in(y, mo) or h > 23
     or mi > 59 or sec > 60 then
    return nil, show_text(s) .. WANTED
  end
  local minutes = days_of(y, mo, d) * 1440 + h * 60 + mi - east
  local v = minutes * MINUTE + sec * SECOND + ms
  if sec == 60 and minutes % 1440 ~= 1439 or v < FIRST or v > LAST then
    return nil, show_text(s) .. WANTED
  end
  return v
end

function M.parse(s)
  local ms, why = M.try(s)
  if not ms then error(why, 2) end
  return ms
end

local function split(ms, east)
  local there = ms + east * MINUTE
  local days = there // DAY
  local left = there - days * DAY
  local year, month, day = civil(days)
  return { year = year, month = month, day = day, hour = left // HOUR,
           min = left // MINUTE % 60, sec = left // SECOND % 60, ms = left % SECOND,
           weekday = (days + 3) % 7 + 1 }
end

function M.parts(ms, zone)
  return split(whole(ms, "a moment"), need_offset(zone))
end

function M.print(ms, zone)
  ms = whole(ms, "a moment")
  local east = need_offset(zone)
  local p = split(ms, east)
  local text = ("%04d-%02d-%02dT%02d:%02d:%02d"):format(p.year, p.month, p.day, p.hour,
                                                       p.min, p.sec)
  if p.ms ~= 0 then text = text .. (".%03d"):format(p.ms) end
  if zone == nil or east == 0 then return text .. "Z" end
  local size = math.abs(east)
  return text .. ("%s%02d:%02d"):format(east < 0 and "-" or "+", size // 60, size % 60)
end

function M.date(ms, zone)
  local p = split(whole(ms, "a moment"), need_offset(zone))
  return ("%04d-%02d-%02d"):format(p.year, p.month, p.day)
end

function M.at(t)
  local function part(name, lo, hi, instead)
    local v = t[name]
    if v == nil then v = instead end
    v = math.tointeger(v)
    if not v or v < lo or v > hi then
      error(("'%s' of a moment is an integer from %d to %d"):format(name, lo, hi), 3)
    end
    return v
  end
  local year, month = part("year", 1, 9999), part("month", 1, 12, 1)
  local day = part("day", 1, days_in(year, month), 1)
  local minutes = days_of(year, month, day) * 1440 + part("hour", 0, 23, 0) * 60
                  + part("min", 0, 59, 0) - need_offset(t.zone)
  return minutes * MINUTE + part("sec", 0, 59, 0) * SECOND + part("ms", 0, 999, 0)
end

function M.months(ms, n, zone)
  local east = need_offset(zone)
  local p = split(whole(ms, "a moment"), east)
  local total = p.year * 12 + p.month - 1 + whole(n, "the number of months")
  local year, month = total // 12, total % 12 + 1
  local day = math.min(p.day, days_in(year, month))
  return days_of(year, month, day) * DAY + p.hour * HOUR + p.min * MINUTE + p.sec * SECOND
         + p.ms - east * MINUTE
end

-- ---- durations ----

local function unit_at(word, from)
  for i = from, #UNITS do
    local u = UNITS[i]
    if word == u[1] or word == u[2] or word == u[2] .. "s" then return i end
  end
end

local function read_duration(s)
  if type(s) ~= "string" then return nil end
  if s == "0" then return 0 end
  local sum, unit, at = 0, 0, 1
  repeat
    local digits, word, last = s:match("^(%d+) *(%l+) *()", at)
    unit = digits and unit_at(word, unit + 1)
    if not unit or #digits > 16 then return nil end
    local size = UNITS[unit][3]
    sum = sum + math.min(tonumber(digits), YEARS_100 // size + 1) * size
    at = last
  until at > #s
  if sum > YEARS_100 or s:sub(-1) == " " then return nil end
  return sum
end

function M.duration(s)
  return read_duration(s)
         or error(show_text(s) .. " is not a duration of at most 100 years; write "
                  .. "numbers with units, the largest first, as in 5s, 15m, 3d, 1h30m "
                  .. "or '3 days'", 2)
end

function M.show(ms)
  ms = whole(ms, "a duration")
  if ms <= 0 then return "0" end
  local out = ""
  for i = ms % UNITS[1][3] == 0 and 1 or 2, #UNITS do
    local n = ms // UNITS[i][3]
    if n > 0 then out = out .. n .. UNITS[i][1] end
    ms = ms % UNITS[i][3]
  end
  return out
end

function M.add(ms, by)
  ms = whole(ms, "a moment")
  if type(by) == "number" then return ms + whole(by, "a duration") end
  local back = type(by) == "string" and by:match "^%-(.+)$"
  local d = read_duration(back or by)
            or error(show_text(by) .. " is not a duration such as '3 days', or '-2h'", 2)
  return back and ms - d or ms + d
end

return M
