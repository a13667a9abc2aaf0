# partners.sh - two engines on loopback, `a` (customer) and `b` (supplier), linked.
# Sourced after world.sh.  Each keeps its port over restarts: the other knows it.
declare -A box_pid box_url box_port
folder_a=${folder_a:-$here/workflows/order-exchange} folder_b=${folder_b:-$folder_a}

boxes_end() {
  local p
  for p in "${box_pid[@]}"; do [ -n "$p" ] && kill -9 "$p" 2> /dev/null; done
  world_end
}
trap boxes_end EXIT

# box_start NAME: on a free port at first, on the same one later
box_start() {
  local name=$1 folder="folder_$1" line
  [ -p "$tmp/$name.out" ] || mkfifo "$tmp/$name.out"
  exec {box_fd}<> "$tmp/$name.out"
  "$BUILD/moonlane" serve "${!folder}" --db "$tmp/$name.db" \
    --listen "127.0.0.1:${box_port[$name]:-0}" --socket "$tmp/$name.sock" \
    --allow '127.0.0.1:*' > "$tmp/$name.out" 2>> "$tmp/$name.err" &
  box_pid[$name]=$!
  line=
  until [[ $line == http://* ]]; do
    read -rt 60 line <&"$box_fd" || bail "engine $name printed no first line"
  done
  exec {box_fd}<&-
  box_url[$name]=${line%% *}
  box_port[$name]=${box_url[$name]##*:}
  curl -sS --retry 200 --retry-all-errors --retry-delay 0 --retry-max-time 30 -f -o /dev/null \
    "${box_url[$name]}/readyz" 2> /dev/null || bail "engine $name does not become ready"
}
box_kill() { kill -9 "${box_pid[$1]}"; wait "${box_pid[$1]}" 2> /dev/null; box_pid[$1]=; }

# on NAME METHOD PATH [BODY [curl options]]: as api, at that engine
on() { sock=$tmp/$1.sock; shift; api "$@"; }
at() { local name=$1; shift; "$BUILD/moonlane" "$@" --socket "$tmp/$name.sock"; }

# People and a link between the two.
boxes_link() {
  at a user add ann --name "Ann Ågren" --email ann@customer.example --lane purchase/buying > /dev/null &&
  at b user add sam --name "Sam Їжак" --email sales@supplier.example --lane supply/sales > /dev/null &&
  at a partner invite supplier --our-url "${box_url[a]}" -o json | pick 'print(j.code)' > "$tmp/code" &&
  at b partner accept customer --our-url "${box_url[b]}" --code "$tmp/code" > "$tmp/accepted"
}
# order ITEM [COUNT]: an order at a; its id
order() {
  on a POST /v1/workflows/purchase/processes "{\"data\":{\"item\":\"$1\",\"count\":${2:-1},\"wish\":\"w\",\"limit_price\":7}}" |
    pick 'print(j.id)'
}
# there PROCESS: the process at b that belongs to one of a
far_of() { on a GET "/v1/processes/$1/history?limit=200" | pick 'for _, h in ipairs(j.items) do if h.told == "shared" then print(h.data) end end'; }
count_of() { on "$1" GET "/v1/processes?limit=200${2:+&$2}" | pick 'print(#j.items)'; }
comments_of() { on "$1" GET "/v1/processes/$2/comments?limit=200"; }
