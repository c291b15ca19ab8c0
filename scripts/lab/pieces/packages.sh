# What a bare Debian 12 lacks, installed with its own apt. Nothing here starts a service: daemons that
# would (Docker, DHCP servers, the registry) are unpacked privately by engines.sh and servers.sh instead.
# shellcheck shell=bash

demo_packages=(
  ca-certificates curl jq procps util-linux xz-utils                       # scripts
  iproute2 iptables nftables ethtool kmod iputils-ping tcpdump             # network
  libdevmapper1.02.1 libseccomp2 libsystemd0 patchelf                      # what the engines are linked with
  busybox-static                                                           # image
)
lab_packages=("${demo_packages[@]}" dnsmasq-base kea-common systemd python3 wireguard-tools wireguard-go openssh-client chromium fonts-dejavu-core) # and DHCP servers, a system manager, the uplink and firewalls to be started in a lab machine; a browser with a font for test/page
kernel_packages=(gcc libc6-dev make flex bison bc perl python3 xz-utils) # to compile the guest kernel

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# apt_install PACKAGE...: installs those that are missing.
apt_install() {
  local package missing=()
  for package; do is_installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || { reused+=(packages); return 0; }
  say "packages: installing ${missing[*]}"
  # `prepare` and `setup` may both be here, side by side. apt-get waits for no lock on its lists.
  (
    flock 8
    export DEBIAN_FRONTEND=noninteractive
    options=(-qq --yes --no-install-recommends -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3
      -o Dpkg::Options::=--force-confold)
    # A third-party source that is down must not stop us: what counts is whether the install works.
    [ -n "$(find "$LAB/stamps/apt-updated" -mmin -10 2>/dev/null)" ] ||
      if apt-get "${options[@]}" update >>"$LAB/log/apt.log" 2>&1; then stamp apt-updated "$(date)"; else say 'packages: apt-get update had errors, going on'; fi
    apt-get "${options[@]}" install "${missing[@]}" >"$LAB/log/install.log" 2>&1 ||
      apt_trouble "apt-get install ${missing[*]} failed" "$LAB/log/install.log"
  ) 8>"$LAB/packages.lock" || exit 1
  say "packages: installed ${missing[0]}$([ ${#missing[@]} = 1 ] || echo " and $((${#missing[@]} - 1)) more")"
}

install_kernel_packages() { apt_install "${kernel_packages[@]}"; }
