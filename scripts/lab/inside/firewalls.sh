# The firewalls of other people: firewalld and ufw of Debian 12, each with its own rules in the namespace of the caller.
# They run from a copy in memory: ufw writes beside its rules.
# shellcheck shell=bash

firewalls=$lab_state/firewalls
firewalls_bus=$lab_state/firewalld.bus

firewalls_libraries=$firewalls/usr/lib/x86_64-linux-gnu
# Their modules and libraries come before those of this machine.
firewalls_env=(env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$firewalls/usr/lib/python3/dist-packages"
  GI_TYPELIB_PATH="$firewalls_libraries/girepository-1.0" LD_LIBRARY_PATH="$firewalls_libraries:$firewalls/lib/x86_64-linux-gnu"
  DBUS_SYSTEM_BUS_ADDRESS="unix:path=$firewalls_bus")

firewalls_copy() {
  [ -d "$LAB/firewalls" ] || die 'firewalld and ufw are missing; run scripts/lab/setup'
  [ ! -d "$firewalls" ] || return 0
  mkdir -p "$lab_state"
  cp -a "$LAB/firewalls" "$firewalls"
  # The guest kernel has no such matches (ip6t_rt, ip6t_hl). ufw drops routing headers and distant neighbours by them.
  sed -i '/-m rt \|-m hl /d' "$firewalls/etc/ufw/before6.rules"
}

# in-lab firewalld-up [BACKEND]       firewalld with its own bus, zone public for all links; BACKEND: nftables (default) or iptables
firewalld_up() {
  firewalls_copy
  rm -f "$firewalls"/etc/firewalld/zones/* # what --permanent has changed
  sed -i -e "s/^FirewallBackend=.*/FirewallBackend=${1:-nftables}/" -e "s/^IPv6_rpfilter=.*/IPv6_rpfilter=no/" "$firewalls/etc/firewalld/firewalld.conf" # no ip6t_rpfilter
  cat >"$lab_state/bus.conf" <<CONF
<busconfig><type>system</type><listen>unix:path=$firewalls_bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
CONF
  daemon_start bus "${firewalls_env[@]}" "$firewalls/usr/bin/dbus-daemon" --config-file="$lab_state/bus.conf" --nofork --nopidfile
  daemon_ready bus 10 test -S "$firewalls_bus"
  daemon_start firewalld "${firewalls_env[@]}" /usr/bin/python3 "$firewalls/usr/sbin/firewalld" --nofork --nopid --log-target console \
    --system-config "$firewalls/etc/firewalld" --default-config "$firewalls/usr/lib/firewalld"
  daemon_ready firewalld 60 firewall_cmd --state
}

# in-lab firewall-cmd ARG...          talks to firewalld: --reload, --permanent --zone=public --add-interface=br0
firewall_cmd() { "${firewalls_env[@]}" /usr/bin/python3 "$firewalls/usr/bin/firewall-cmd" "$@"; }

# in-lab firewalld-down               stops it; it takes its rules along
firewalld_down() {
  daemon_stop firewalld
  daemon_stop bus
}

# in-lab ufw ARG...                   ufw with what it has written so far: default reject routed, --force enable, reload, disable
ufw() {
  firewalls_copy
  "${firewalls_env[@]}" /usr/bin/python3 "$firewalls/usr/sbin/ufw" --rootdir="$firewalls" --datadir="$firewalls" "$@"
}
