# world.sh - for scripts that need the real programs: an engine, a ledger.
# Sourced; the script sets BUILD.  TAP: `ok_if STATUS NAME`, `is GOT WANTED NAME`,
# `done_testing` at the end.  Programs that were started end with the script.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${BUILD:=$here/build}"
tmp=$(mktemp -d) || exit 1
sock=$tmp/engine.sock
tests=0 wrong=0 engine='' ledger='' address='' sim=''

world_end() {
  [ -n "$engine" ] && kill -9 "$engine" 2> /dev/null
  [ -n "$ledger" ] && kill "$ledger" 2> /dev/null
  wait 2> /dev/null
  rm -rf "$tmp"
}
trap world_end EXIT

ok_if() {   # status name
  tests=$((tests + 1))
  if [ "$1" -eq 0 ]; then echo "ok $tests - $2"; return; fi
  wrong=$((wrong + 1))
  echo "not ok $tests - $2"
}
is() {      # got wanted name
  [ "$1" = "$2" ]
  local same=$?
  ok_if $same "$3"
  [ $same -eq 0 ] || printf '#   got    %s\n#   wanted %s\n' "${1:0:600}" "$2"
}
has() {     # text part name
  case $1 in *"$2"*) ok_if 0 "$3" ;; *) ok_if 1 "$3"; printf '#   %s\n#   lacks %s\n' "${1:0:600}" "$2" ;; esac
}
done_testing() { echo "1..$tests"; [ "$wrong" -eq 0 ]; exit; }
bail() {
  echo "not ok $((tests + 1)) - $*"
  sed 's/^/#   /' "$tmp/engine.err" 2> /dev/null | tail -n 20
  echo "1..$((tests + 1))"
  exit 1
}

# The first line a program prints, read from a pipe: nobody sleeps.
start_engine() {   # folder [options of serve]
  local folder=$1
  shift
  [ -p "$tmp/engine.out" ] || mkfifo "$tmp/engine.out"
  exec 8<> "$tmp/engine.out"
  "$BUILD/moonlane" serve "$folder" --db "$tmp/engine.db" --listen 127.0.0.1:0 --socket "$sock" "$@" \
    > "$tmp/engine.out" 2>> "$tmp/engine.err" 8>&- &
  engine=$!
  address=
  until [[ $address == http://* ]]; do      # past what an engine before it said
    read -rt 60 address <&8 || bail "the engine printed no first line"
  done
  curl -sS --retry 200 --retry-all-errors --retry-delay 0 --retry-max-time 30 -f -o /dev/null \
    "$address/readyz" 2> /dev/null || bail "the engine does not become ready"
}
kill_engine() { kill -9 "$engine"; wait "$engine" 2> /dev/null; engine=; }

start_ledger() {   # options of kintone-sim
  mkfifo "$tmp/ledger.out"
  exec 9<> "$tmp/ledger.out"
  "$BUILD/kintone-sim" --listen 127.0.0.1:0 --db "$tmp/ledger.db" "$@" > "$tmp/ledger.out" 2> "$tmp/ledger.err" 9>&- &
  ledger=$!
  read -rt 60 sim <&9 || bail "the ledger printed no first line"
}

# api METHOD PATH [BODY [curl options]]: the answer's body; its status is in $tmp/status
api() {
  local method=$1 path=$2 body=${3-}
  local more=()
  [ -n "$body" ] && more+=(-H 'Content-Type: application/json' --data-binary "$body")
  shift $(($# < 3 ? $# : 3))
  curl -sS --unix-socket "$sock" -X "$method" -o "$tmp/body" -w '%{http_code}' "${more[@]}" "$@" \
    "http://localhost$path" > "$tmp/status" 2> "$tmp/curl.err"
  cat "$tmp/body"
}
status() { cat "$tmp/status"; }
control() { curl -sS -f -H 'Content-Type: application/json' ${2:+-d "$2"} "$sim/control/$1"; }
# pick EXPR: Lua over j, the JSON on standard input
pick() {
  lua5.4 -e 'local c = require "cjson"; local j = c.decode(io.read "a")
    local function s(v) if type(v) == "number" and v == math.floor(v) then v = math.floor(v) end
      return v == c.null and "" or tostring(v) end '"$1"
}
# until_is WANTED COMMAND...: ask until it is so, at most 60 s
until_is() {
  local wanted=$1 end=$((SECONDS + 60)) got
  shift
  while got=$("$@"); [ "$got" != "$wanted" ]; do
    [ $SECONDS -lt $end ] || { echo "#   still '$got', wanted '$wanted': $*"; return 1; }
    read -rt 0.05 <> <(:) || true      # a pause that nothing ends early
  done
}
