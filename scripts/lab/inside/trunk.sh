# The site: a firewall (namespace fw) that ends a VLAN trunk and routes between the VLANs, an office network
# behind it, and this machine at the near end of the trunk.
#
#   [this machine] eth1 ═══ trunk [fw] trunk.10   10.10.0.1/24 │ office  10.99.0.1/24 ── 10.99.0.2 [office]
#                                      trunk.500  10.50.0.1/24 │
#                                      trunk.600  10.60.0.1/24 │
#   [this machine] eth2 ─── lan   [fw]            10.20.0.1/24      (untagged)
#
# Checksum offload stays as veth has it: servers that answer through a UDP socket send unfinished checksums.
# shellcheck shell=bash

lab_vlans=(10 500 600)

# A segment is a VLAN number, or `lan` for the untagged one.
segment_prefix() {
  case $1 in
    10) echo 10.10.0 ;; 500) echo 10.50.0 ;; 600) echo 10.60.0 ;; lan) echo 10.20.0 ;;
    *) die "no segment \"$1\" in the lab; there are 10, 500, 600 and lan" ;;
  esac
}
segment_link() { case $1 in lan) echo lan ;; *) echo "trunk.$1" ;; esac; }

# in-lab trunk-up [switch]            firewall, trunk on eth1 (VLANs 10 500 600), untagged segment on eth2, office host;
# in-lab trunk-up ...                 with `switch` the far end of eth1 is a port of the bridge `trunk`, for a second node
trunk_up() {
  local vlan batch far=trunk
  [ "${1:-}" != switch ] || far=port1
  ip netns add fw
  ip netns add office
  batch=$(
    echo 'link set lo up'
    if [ "$far" != trunk ]; then
      # Its MAC is not to change when a port comes or goes.
      echo 'link add trunk address 02:00:00:00:00:fe type bridge forward_delay 0'
      echo "link set $far master trunk up"
    fi
    echo 'link set trunk up'
    for vlan in "${lab_vlans[@]}"; do
      echo "link add link trunk name trunk.$vlan type vlan id $vlan"
      echo "address add $(segment_prefix "$vlan").1/24 dev trunk.$vlan"
      echo "link set trunk.$vlan up"
    done
    echo "address add $(segment_prefix lan).1/24 dev lan"
    echo 'link set lan up'
    echo 'address add 10.99.0.1/24 dev office'
    echo 'link set office up'
  )
  ip -batch - <<IP
link add eth1 type veth peer name $far netns fw
link add eth2 type veth peer name lan netns fw
link set eth1 up
link set eth2 up
IP
  ip -n fw link add office type veth peer name eth0 netns office
  ip -n fw -batch - <<<"$batch"
  ip -n office -batch - <<'IP'
link set lo up
address add 10.99.0.2/24 dev eth0
link set eth0 up
route add default via 10.99.0.1
IP
  ip netns exec fw sysctl -qw net.ipv4.ip_forward=1
}

# in-lab trunk-down                   removes all of it, and what servers have leased there (stop the servers first)
trunk_down() {
  local name
  rm -f "$lab_state"/{dnsmasq,dhcpd,kea,dhcpd6,kea6}.leases* "$lab_state"/udhcpd-*.leases
  for name in fw office; do [ ! -e "/run/netns/$name" ] || ip netns delete "$name"; done
  for name in eth1 eth2; do ip link delete "$name" 2>/dev/null || true; done
}

# in-lab fw COMMAND...                runs a command on the firewall
fw() { ip netns exec fw "$@"; }
# in-lab office COMMAND...            runs a command on the host behind the firewall
office() { ip netns exec office "$@"; }

# in-lab links                        one line per link of this machine: name, kind, master, lower link (to compare before and after)
links() { ip -d -j link show | jq -r '.[] | [.ifname, .linkinfo.info_kind // "-", .master // "-", .link // "-"] | join(" ")' | sort; }
