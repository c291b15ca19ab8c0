# IPv6 of the site: 2001:db8:SEGMENT::1/64 on the firewall's end of a VLAN, and 2001:db8:99::2 for the office.
# shellcheck shell=bash

# in-lab ipv6-up [SEGMENT...]          the firewall routes IPv6 for these VLANs (default: all), and the office has an
# in-lab ipv6-up ...                   address; routers advertise nothing yet: dnsmasq does with --enable-ra
ipv6_up() {
  local segment
  [ $# -gt 0 ] || set -- "${lab_vlans[@]}"
  ip netns exec fw sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
  for segment; do
    ip -n fw address add "2001:db8:$segment::1/64" dev "$(segment_link "$segment")" nodad
  done
  ip -n fw address add 2001:db8:99::1/64 dev office nodad
  ip -n office address add 2001:db8:99::2/64 dev eth0 nodad
  ip -n office route add default via 2001:db8:99::1
}

# in-lab ipv6-down [SEGMENT...]        takes the addresses away again, and what dnsmasq remembers of IPv6 leases
ipv6_down() {
  local segment
  [ $# -gt 0 ] || set -- "${lab_vlans[@]}"
  for segment; do
    ip -n fw address delete "2001:db8:$segment::1/64" dev "$(segment_link "$segment")"
  done
  ip -n fw address delete 2001:db8:99::1/64 dev office
  ip -n office address delete 2001:db8:99::2/64 dev eth0
  ip netns exec fw sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/forwarding'
  rm -f "$lab_state"/{dnsmasq.leases,dhcpd6.leases*,kea6.leases*}
}
