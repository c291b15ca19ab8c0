# Daemons of Debian 12 that would start by themselves when installed: ISC dhcpd, Kea and docker-registry are
# unpacked under $LAB/servers and $LAB/servers6, and run only inside the lab. (dnsmasq and udhcpd come as programs without service.)
# shellcheck shell=bash

# have_registry_alone: for the demo. With it Docker takes the plugin in seconds; from a folder it takes most of a minute.
have_registry_alone() {
  local recipe='registry recipe 1' part=$LAB/registry.partial
  [ ! -x "$LAB/servers/bin/docker-registry" ] || return 0
  if is_stamped registry "$recipe" && [ -x "$LAB/registry/bin/docker-registry" ]; then reused+=(docker-registry); return 0; fi
  unstamp registry
  say 'servers: docker-registry (5 MB)'
  rm -rf "$part" "$LAB/registry"
  suite_unpack bookworm "$part/root" docker-registry
  mkdir -p "$part/bin"
  ln -s ../root/usr/bin/docker-registry "$part/bin/"
  rm -rf "$part/root/usr/share"
  mv "$part" "$LAB/registry"
  stamp registry "$recipe"
}

have_servers() {
  local recipe='servers recipe 1' part=$LAB/servers.partial
  if is_stamped servers "$recipe" && [ -d "$LAB/servers/bin" ]; then reused+=('DHCP servers'); return 0; fi
  unstamp servers
  say 'servers: ISC dhcpd, Kea, docker-registry'
  rm -rf "$part" "$LAB/servers"
  suite_unpack bookworm "$part/root" isc-dhcp-server kea-dhcp4-server docker-registry
  mkdir -p "$part/bin"
  ln -s ../root/usr/sbin/dhcpd ../root/usr/sbin/kea-dhcp4 ../root/usr/bin/docker-registry "$part/bin/"
  rm -rf "$part/root/usr/share"
  mv "$part" "$LAB/servers"
  stamp servers "$recipe"
}

# Routers and DHCPv6 servers: radvd and Kea. (dnsmasq and ISC dhcpd, which the lab has already, speak IPv6 as well.)
have_ipv6_servers() {
  local recipe='IPv6 servers recipe 1' part=$LAB/servers6.partial
  if is_stamped servers6 "$recipe" && [ -d "$LAB/servers6/bin" ]; then reused+=('IPv6 servers'); return 0; fi
  unstamp servers6
  say 'servers: radvd, Kea for DHCPv6'
  rm -rf "$part" "$LAB/servers6"
  suite_unpack bookworm "$part/root" radvd kea-dhcp6-server
  mkdir -p "$part/bin"
  ln -s ../root/usr/sbin/radvd ../root/usr/sbin/kea-dhcp6 "$part/bin/"
  rm -rf "$part/root/usr/share"
  mv "$part" "$LAB/servers6"
  stamp servers6 "$recipe"
}

# promtool, which judges metrics and alerts. Its package would start Prometheus as well, which the lab has no use for.
have_promtool() {
  local recipe='promtool recipe 1' part=$LAB/promtool.partial
  if is_stamped promtool "$recipe" && [ -x "$LAB/promtool/bin/promtool" ]; then reused+=(promtool); return 0; fi
  unstamp promtool
  say 'servers: promtool (19 MB)'
  rm -rf "$part" "$LAB/promtool"
  suite_unpack bookworm "$part/root" prometheus
  mkdir -p "$part/bin"
  mv "$part/root/usr/bin/promtool" "$part/bin/"
  rm -rf "$part/root"
  mv "$part" "$LAB/promtool"
  stamp promtool "$recipe"
}

# sshd, for the way to a hub over jump hosts. Its package would start it on this machine.
have_sshd() {
  local recipe='sshd recipe 1' part=$LAB/sshd.partial
  if is_stamped sshd "$recipe" && [ -x "$LAB/sshd/bin/sshd" ]; then reused+=(sshd); return 0; fi
  unstamp sshd
  say 'servers: sshd'
  rm -rf "$part" "$LAB/sshd"
  suite_unpack bookworm "$part/root" openssh-server libwrap0
  mkdir -p "$part/bin"
  # Beside its one library that a bare Debian lacks.
  mv "$part/root/usr/sbin/sshd" "$part"/root/usr/lib/*/libwrap.so.0* "$part/bin/"
  patchelf --set-rpath '$ORIGIN' "$part/bin/sshd"
  rm -rf "$part/root"
  mv "$part" "$LAB/sshd"
  stamp sshd "$recipe"
}

# nginx and tinyproxy, for an uplink behind a reverse proxy, and for a member behind a proxy. nginx's package would start it.
have_proxies() {
  local recipe='proxies recipe 1' part=$LAB/proxies.partial
  if is_stamped proxies "$recipe" && [ -d "$LAB/proxies/bin" ]; then reused+=('nginx and tinyproxy'); return 0; fi
  unstamp proxies
  say 'servers: nginx, tinyproxy'
  rm -rf "$part" "$LAB/proxies"
  suite_unpack bookworm "$part/root" nginx tinyproxy-bin
  mkdir -p "$part/bin"
  mv "$part/root/usr/sbin/nginx" "$part/root/usr/bin/tinyproxy" "$part/bin/"
  rm -rf "$part/root"
  mv "$part" "$LAB/proxies"
  stamp proxies "$recipe"
}
