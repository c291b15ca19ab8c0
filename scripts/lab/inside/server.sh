# DHCP servers on the firewall's side. Addresses .100 to .199 of each segment, the firewall (.1) as router.
# dnsmasq answers DNS queries, too, with the option --port=53.
# LEASE=SECONDS sets the lease time (default 3600; dnsmasq makes at least 120 of it).
# POOL=FIRST-LAST sets the last parts of dnsmasq's first and last address (default 100-199).
# KEA_PREFIX=A.B.C moves Kea's pools there (one segment only): renumbering.
# shellcheck shell=bash

# in-lab server-up KIND [SEGMENT...] [-- OPTION...]   KIND: dnsmasq dnsmasq-no-ping isc isc-no-ping kea udhcpd udhcpd-no-arp embedded;
# in-lab server-up ...                 SEGMENT: 10 500 600 lan (default: the three VLANs); OPTIONs go to the server's command line
server_up() {
  local kind=$1 segments=() options=()
  shift
  while [ $# -gt 0 ]; do
    [ "$1" != -- ] || { shift; options=("$@"); break; }
    segments+=("$1")
    shift
  done
  [ ${#segments[@]} -gt 0 ] || segments=("${lab_vlans[@]}")
  mkdir -p "$lab_state"
  case $kind in
    dnsmasq) dnsmasq_up ;;
    dnsmasq-no-ping) options+=(--no-ping) && dnsmasq_up ;;
    isc) isc_up true ;;
    isc-no-ping) isc_up false ;;
    kea) kea_up ;;
    udhcpd) udhcpd_up ;;
    udhcpd-no-arp) options+=(-a 0) && udhcpd_up ;;
    embedded) embedded_up ;;
    *) die "no DHCP server called \"$kind\"" ;;
  esac
}

# in-lab server-down                   stops every DHCP server that runs
server_down() {
  local file name segment
  for file in "$lab_state"/dhcp-*.pid; do
    [ -e "$file" ] || continue
    name=${file##*/}
    daemon_stop "${name%.pid}"
  done
  for segment in "${lab_vlans[@]}" lan; do
    [ ! -e "/run/netns/dhcp$segment" ] || ip netns delete "dhcp$segment"
  done
}

# in-lab leases                        what dnsmasq has leased: expiry, MAC, address, name, client-id
leases() { cat "$lab_state/dnsmasq.leases" 2>/dev/null || true; }

# server_listens NAME NAMESPACE: has the server its socket on port 67?
server_listens() { ip netns exec "$2" ss -Hlunp 'sport = :67' | grep -q "pid=$(daemon_pid "$1"),"; }

dnsmasq_up() {
  local arguments=() segment prefix pool=${POOL:-100-199}
  for segment in "${segments[@]}"; do
    prefix=$(segment_prefix "$segment")
    arguments+=(--interface="$(segment_link "$segment")"
      --dhcp-range="set:$segment,$prefix.${pool%-*},$prefix.${pool#*-},255.255.255.0,${LEASE:-3600}")
  done
  # dnsmasq refuses a flag that comes twice.
  [[ " ${options[*]-}" == *' --port='* ]] || options+=(--port=0)
  daemon_start dhcp-dnsmasq ip netns exec fw dnsmasq --keep-in-foreground --conf-file=/dev/null --bind-interfaces \
    --user=root --pid-file= --dhcp-authoritative --log-dhcp --log-facility=- --dhcp-leasefile="$lab_state/dnsmasq.leases" \
    "${arguments[@]}" "${options[@]}"
  daemon_ready dhcp-dnsmasq 10 server_listens dhcp-dnsmasq fw
}

isc_up() {
  local segment prefix names=()
  {
    echo "authoritative; ping-check $1;"
    echo "min-lease-time 1; default-lease-time ${LEASE:-3600}; max-lease-time ${LEASE:-3600};"
    for segment in "${segments[@]}"; do
      prefix=$(segment_prefix "$segment")
      echo "subnet $prefix.0 netmask 255.255.255.0 {"
      echo "  range $prefix.100 $prefix.199; option routers $prefix.1; option domain-name-servers $prefix.1;"
      echo '}'
    done
  } >"$lab_state/dhcpd.conf"
  for segment in "${segments[@]}"; do names+=("$(segment_link "$segment")"); done
  : >>"$lab_state/dhcpd.leases"
  daemon_start dhcp-isc ip netns exec fw dhcpd -4 -f --no-pid -user root -cf "$lab_state/dhcpd.conf" \
    -lf "$lab_state/dhcpd.leases" ${options[@]+"${options[@]}"} "${names[@]}"
  daemon_ready dhcp-isc 10 server_listens dhcp-isc fw
}

kea_up() {
  local segment prefix links='' subnets='' id=0
  for segment in "${segments[@]}"; do
    prefix=${KEA_PREFIX:-$(segment_prefix "$segment")}
    id=$((id + 1))
    links+="${links:+,}\"$(segment_link "$segment")\""
    subnets+="${subnets:+,}{\"id\":$id,\"subnet\":\"$prefix.0/24\",\"interface\":\"$(segment_link "$segment")\",
      \"pools\":[{\"pool\":\"$prefix.100-$prefix.199\"}],\"option-data\":[{\"name\":\"routers\",\"data\":\"$prefix.1\"}]}"
  done
  cat >"$lab_state/kea.json" <<JSON
{"Dhcp4":{"interfaces-config":{"interfaces":[$links]},"authoritative":true,"valid-lifetime":${LEASE:-3600},
 "lease-database":{"type":"memfile","persist":false},"subnet4":[$subnets],
 "loggers":[{"name":"kea-dhcp4","severity":"INFO","output_options":[{"output":"stdout"}]}]}}
JSON
  daemon_start dhcp-kea env KEA_PIDFILE_DIR="$lab_state" KEA_LOCKFILE_DIR="$lab_state" \
    ip netns exec fw kea-dhcp4 -c "$lab_state/kea.json" ${options[@]+"${options[@]}"}
  daemon_ready dhcp-kea 20 grep -q DHCP4_STARTED "$lab_state/dhcp-kea.log"
}

udhcpd_up() {
  local segment prefix conf
  for segment in "${segments[@]}"; do
    prefix=$(segment_prefix "$segment") conf=$lab_state/udhcpd-$segment.conf
    : >"$lab_state/udhcpd-$segment.leases"
    cat >"$conf" <<CONF
interface $(segment_link "$segment")
start $prefix.100
end $prefix.199
lease_file $lab_state/udhcpd-$segment.leases
pidfile $lab_state/udhcpd-$segment.own-pid
min_lease 1
opt lease ${LEASE:-3600}
opt subnet 255.255.255.0
opt router $prefix.1
CONF
    daemon_start "dhcp-udhcpd-$segment" ip netns exec fw busybox udhcpd -f ${options[@]+"${options[@]}"} "$conf"
    daemon_ready "dhcp-udhcpd-$segment" 10 server_listens "dhcp-udhcpd-$segment" fw
  done
}

# The `dhcp` package cannot tell on which link a broadcast came in, so each segment's server is a host of its own (.2).
embedded_up() {
  local segment prefix host
  for segment in "${segments[@]}"; do
    prefix=$(segment_prefix "$segment") host=dhcp$segment
    ip netns add "$host"
    ip -n fw link add link "$(segment_link "$segment")" name "$host" type macvlan mode bridge
    ip -n fw link set "$host" netns "$host" name eth0
    ip -n "$host" -batch - <<IP
link set lo up
address add $prefix.2/24 dev eth0
link set eth0 up
route add default via $prefix.1
IP
    daemon_start "dhcp-embedded-$segment" ip netns exec "$host" node "$lab_scripts/demo-server.mjs" \
      "$prefix.2" "$prefix.1" "$prefix.100" "$prefix.199" "${LEASE:-3600}"
  done
  for segment in "${segments[@]}"; do
    daemon_ready "dhcp-embedded-$segment" 20 server_listens "dhcp-embedded-$segment" "dhcp$segment"
  done
}
