# Routers and DHCPv6 servers on the firewall's end of one VLAN. `ipv6-up` gives the firewall its addresses there first.
# `server-up dnsmasq … -- --enable-ra` is a router and a DHCPv6 server, too. `server-down` stops all of them.
# LEASE=SECONDS sets the lease time (default 3600), POOL6_LAST=HEX the last part of the pool's last address (default 1ff).
# shellcheck shell=bash

# in-lab router-up SEGMENT [LINE...]  radvd advertises every 3 to 4 s; LINEs stand in its block of radvd.conf (default:
# in-lab router-up ...                one prefix with the A flag), e.g. 'AdvManagedFlag on;' 'prefix 2001:db8:500::/64 { AdvAutonomous off; };'
router_up() {
  local segment=$1 link conf=$lab_state/radvd.conf
  shift
  link=$(segment_link "$segment")
  [ $# -gt 0 ] || set -- "prefix 2001:db8:$segment::/64 { };"
  mkdir -p "$lab_state"
  {
    echo "interface $link { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;"
    printf '  %s\n' "$@"
    echo '};'
  } >"$conf"
  # Without a link-local address that is ready radvd gives up; the kernel asks for its own for 2 s.
  wait_until 10 has_link_local "$link" || die "$link has no link-local address yet"
  daemon_start dhcp-radvd ip netns exec fw radvd -n -C "$conf" -p "$lab_state/radvd.own-pid" -m stderr -d 1
  daemon_ready dhcp-radvd 10 router_speaks
}

has_link_local() { [ -n "$(ip -n fw -6 -o address show dev "$1" scope link -tentative)" ]; }
router_speaks() { ip netns exec fw ss -Hlnwp | grep -q "pid=$(daemon_pid dhcp-radvd),"; }

# in-lab router-down                  radvd ends, and says so: it sends a router lifetime of 0
router_down() { daemon_stop dhcp-radvd; }
# in-lab router-kill                  radvd ends without a word
router_kill() { daemon_stop dhcp-radvd KILL; }

# in-lab server6-up KIND SEGMENT      KIND: isc kea; leases 2001:db8:SEGMENT::100 to ::1ff. It advertises nothing: router-up does
server6_up() {
  local kind=$1 segment=$2 net=2001:db8:$2: link valid=${LEASE:-3600} last=${POOL6_LAST:-1ff}
  link=$(segment_link "$segment")
  mkdir -p "$lab_state"
  case $kind in
    isc) isc6_up ;;
    kea) kea6_up ;;
    *) die "no DHCPv6 server called \"$kind\"; there are isc and kea" ;;
  esac
}

server6_listens() { ip netns exec fw ss -Hlunp 'sport = :547' | grep -q "pid=$(daemon_pid "$1"),"; }

isc6_up() {
  cat >"$lab_state/dhcpd6.conf" <<CONF
authoritative;
default-lease-time $valid; preferred-lifetime $((valid * 5 / 8));
subnet6 $net:/64 { range6 $net:100 $net:$last; option dhcp6.name-servers $net:1; }
CONF
  : >>"$lab_state/dhcpd6.leases"
  daemon_start dhcp-isc6 ip netns exec fw dhcpd -6 -f --no-pid -user root -cf "$lab_state/dhcpd6.conf" \
    -lf "$lab_state/dhcpd6.leases" "$link"
  daemon_ready dhcp-isc6 10 server6_listens dhcp-isc6
}

# Without `data-directory` it ends, because it cannot write its DUID below /var/lib/kea.
kea6_up() {
  cat >"$lab_state/kea6.json" <<JSON
{"Dhcp6":{"data-directory":"$lab_state","interfaces-config":{"interfaces":["$link"]},
 "valid-lifetime":$valid,"preferred-lifetime":$((valid * 5 / 8)),
 "lease-database":{"type":"memfile","persist":true,"name":"$lab_state/kea6.leases","lfc-interval":0},
 "subnet6":[{"id":1,"subnet":"$net:/64","interface":"$link","pools":[{"pool":"$net:100-$net:$last"}],
  "option-data":[{"name":"dns-servers","data":"$net:1"}]}],
 "loggers":[{"name":"kea-dhcp6","severity":"INFO","output_options":[{"output":"stdout"}]}]}}
JSON
  daemon_start dhcp-kea6 env KEA_PIDFILE_DIR="$lab_state" KEA_LOCKFILE_DIR="$lab_state" \
    ip netns exec fw kea-dhcp6 -c "$lab_state/kea6.json"
  daemon_ready dhcp-kea6 20 grep -q DHCP6_STARTED "$lab_state/dhcp-kea6.log"
}

# in-lab ipv6-servers-down            stops radvd and the DHCPv6 servers, and leaves that of IPv4
ipv6_servers_down() {
  local name
  for name in dhcp-radvd dhcp-kea6 dhcp-isc6; do daemon_stop "$name"; done
  rm -f "$lab_state"/{dhcpd6.leases*,kea6.leases*}
}

# in-lab leases6                      what dnsmasq, ISC and Kea have written of IPv6 leases, each in its own form
leases6() { cat "$lab_state"/{dnsmasq.leases,dhcpd6.leases,kea6.leases} 2>/dev/null || true; }
