# firewalld and ufw of Debian 12, which would close this machine when installed. They are unpacked under $LAB/firewalls, with
# the libraries of Python's D-Bus and GLib that a bare machine lacks, and run only inside the lab (inside/firewalls.sh).
# shellcheck shell=bash

firewall_packages=(
  firewalld python3-firewall python3-nftables ufw
  python3-gi gir1.2-glib-2.0 libgirepository-1.0-1 libglib2.0-0 libffi8        # firewalld's main loop
  python3-dbus dbus-daemon libdbus-1-3 libexpat1 libapparmor1 libaudit1 libcap-ng0 # and its bus
)

have_firewalls() {
  local recipe='firewalls recipe 1' part=$LAB/firewalls.partial
  if is_stamped firewalls "$recipe" && [ -d "$LAB/firewalls/etc/ufw" ]; then reused+=('firewalld and ufw'); return 0; fi
  unstamp firewalls
  say 'firewalls: firewalld, ufw (4 MB)'
  rm -rf "$part" "$LAB/firewalls"
  suite_unpack bookworm "$part" "${firewall_packages[@]}"
  # What ufw's package does when it is installed.
  cp "$part"/usr/share/ufw/ufw.conf "$part"/usr/share/ufw/iptables/*.rules "$part/etc/ufw/"
  rm -rf "$part"/usr/share/{doc,man,locale,icons,bash-completion,zsh}
  mv "$part" "$LAB/firewalls"
  stamp firewalls "$recipe"
}
