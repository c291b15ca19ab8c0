# The uplink: a hub beside the trunk, an Internet, two NATs, and this machine as the remote host behind them. The
# trunk moves to the hub, so all other pieces work on this machine as they are, with parent=uplink0.
#
#   [fw] trunk ═ eth1 [hub] wan 203.0.113.10 ── [inet] ─┬─ [nat1] ── home 192.168.1.2 ─┐
#                                                       └─ [nat2] ── cafe 192.168.2.2 ─┴─ [this machine]
#
# The NATs let nothing in that was not asked for. The hub's programs need the bundle: npm run build.
# shellcheck shell=bash

uplink_program=$checkout/dist/vlandhcp-uplink.cjs

# in-lab internet-up                   after trunk-up: hub, Internet and two NATs; DELAY=20ms is the delay each way;
# in-lab internet-up                   after node-up and `ip netns attach hub`: the second node is the hub
internet_up() {
  local name
  [ -e /run/netns/fw ] || die 'internet-up needs trunk-up first'
  for name in hub inet nat1 nat2; do
    [ -e "/run/netns/$name" ] || ip netns add "$name"
    ip -n "$name" link set lo up
  done
  ip -n hub link show eth1 >/dev/null 2>&1 || ip link set eth1 netns hub
  ip -n hub link add wan type veth peer name hub netns inet
  ip -n hub -batch - <<'IP'
link set eth1 up
link set wan up
address add 203.0.113.10/24 dev wan
route add default via 203.0.113.1
IP
  ip -n inet link set hub up
  ip -n inet address add 203.0.113.1/24 dev hub
  nat_up nat1 192.0.2 192.168.1 home
  nat_up nat2 198.51.100 192.168.2 cafe
  ip netns exec inet sysctl -qw net.ipv4.ip_forward=1
  for name in ${DELAY:+hub nat1 nat2}; do ip netns exec inet tc qdisc add dev "$name" root netem delay "$DELAY"; done
  ip link set home up
  ip route add default via 192.168.1.1
}

nat_up() { # NAME OUTSIDE INSIDE LINK: the link of this machine behind it, with its address, is down
  local name=$1 outside=$2 inside=$3 link=$4
  ip -n inet link add "$name" type veth peer name wan netns "$name"
  ip link add "$link" type veth peer name lan netns "$name"
  ip -n inet link set "$name" up
  ip -n inet address add "$outside.1/24" dev "$name"
  ip -n "$name" -batch - <<IP
link set wan up
link set lan up
address add $outside.2/24 dev wan
address add $inside.1/24 dev lan
route add default via $outside.1
IP
  ip address add "$inside.2/24" dev "$link"
  ip netns exec "$name" sysctl -qw net.ipv4.ip_forward=1
  ip netns exec "$name" nft -f /dev/stdin <<'NFT'
table ip lab {
  chain out { type nat hook postrouting priority 100; oifname "wan" masquerade; }
  chain in { type filter hook forward priority 0; iifname "wan" ct state new drop; }
}
NFT
}

# in-lab internet-down                 stops hub and uplink, and gives the trunk back to this machine
internet_down() {
  local name
  ! daemon_runs uplink || command node "$uplink_program" uplink leave >/dev/null 2>&1 || true
  daemon_stop uplink
  daemon_stop hub
  # The next site begins anew: a hub that is there is not made again.
  rm -rf /var/lib/vlandhcp/hub /var/lib/vlandhcp/uplink
  for name in wg-uplink0 uplink0 home cafe; do ip link delete "$name" 2>/dev/null || true; done
  [ ! -e /run/netns/hub ] || ip -n hub link set eth1 netns 1 2>/dev/null || true
  for name in nat1 nat2 inet hub; do [ ! -e "/run/netns/$name" ] || ip netns delete "$name"; done
  ip link set eth1 up
}

hub_program() { ip netns exec hub node "$uplink_program" "$@"; }

# in-lab hub-up [OPTION...]            makes the hub of the site hq, and starts its service; OPTIONs of vlandhcp hub init
hub_up() {
  [ -e "$uplink_program" ] || die "there is no $uplink_program; run npm run build"
  hub_program hub init --site hq --trunk eth1 --endpoint 203.0.113.10 "$@"
  daemon_start hub ip netns exec hub node "$uplink_program" hub run
  daemon_ready hub 30 hub_program hub list
}

# in-lab uplink-up                     starts the service of this machine's uplinks, if it does not run
uplink_up() {
  ! daemon_runs uplink || return 0
  daemon_start uplink node "$uplink_program" uplink run
  daemon_ready uplink 30 test -S /run/vlandhcp/uplink.sock
}

# in-lab uplink-reboot                 kill -9, and its links go, as when this machine is rebooted; then starts it anew
uplink_reboot() {
  daemon_stop uplink KILL
  uplink_forget
  uplink_up
}

# in-lab uplink-forget                 the kernel of this machine has nothing of its uplinks any more, as after a boot
uplink_forget() {
  local name
  for name in uplink0 wg-uplink0; do ip link delete "$name"; done
  for name in $(nft list tables | awk '$3 ~ /^vlandhcp_uplink/ { print $2 "," $3 }'); do nft delete table "${name%,*}" "${name#*,}"; done
  ip route flush type blackhole
  rm -f /run/vlandhcp/uplink.sock
}

# in-lab hub-reboot                    the same for the hub, which is started by hub-up
hub_reboot() {
  daemon_stop hub KILL
  hub_forget
  daemon_start hub ip netns exec hub node "$uplink_program" hub run
  daemon_ready hub 30 hub_program hub list
}

# in-lab hub-forget                    the kernel of the hub has nothing but its cables any more, as after a boot
hub_forget() {
  local name
  for name in $(ip -n hub -o link | awk -F'[ :@]+' '$2 !~ /^(lo|eth1|wan)$/ { print $2 }'); do ip -n hub link delete "$name" 2>/dev/null || true; done
  ip netns exec hub nft flush ruleset
}

# in-lab member NAME VLANS [OPTION...] invites this machine, and joins: uplink0 then carries these VLANs; `--mesh` goes to the
#                                     invitation, the other options to the join
member() {
  local option invite=() join=()
  uplink_up
  for option in "${@:3}"; do
    if [ "$option" = --mesh ]; then invite+=("$option"); else join+=("$option"); fi
  done
  hub_program hub invite "$1" --vlans "$2" ${invite[@]+"${invite[@]}"} | grep -o 'vuj1[.][^ ]*' |
    command node "$uplink_program" uplink join ${join[@]+"${join[@]}"}
}

# in-lab internet-cut [mend]           nothing passes between NATs and Internet; `mend`: all passes again
internet_cut() {
  local name state=down
  [ "${1:-}" != mend ] || state=up
  for name in nat1 nat2; do ip -n inet link set "$name" "$state"; done
  [ "$state" = down ] || for name in nat1:192.0.2 nat2:198.51.100; do
    ip -n "${name%%:*}" route replace default via "${name#*:}.1"
  done
}

# in-lab roam                          this machine leaves its link to the one NAT for the other, and back the next time
roam() {
  local from=home to=cafe gateway=192.168.2.1
  [ -z "$(ip -o link show dev cafe up)" ] || { from=cafe to=home gateway=192.168.1.1; }
  ip link set "$from" down
  ip link set "$to" up
  ip route replace default via "$gateway"
}
