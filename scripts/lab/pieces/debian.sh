# Fetching packages of any Debian suite without touching what is installed: each suite gets a private apt
# state under $LAB/apt. The mirror is the one this machine's own apt uses, or $VLANDHCP_DEBIAN_MIRROR.
# shellcheck shell=bash

debian_mirror() {
  if [ -n "${VLANDHCP_DEBIAN_MIRROR:-}" ]; then
    echo "$VLANDHCP_DEBIAN_MIRROR"
    return
  fi
  local release
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
  # shellcheck disable=SC2016 # apt fills in $(REPO_URI)
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $release" | sort -u | head -n 1
}

# suite_apt SUITE PROGRAM ARGS...: apt-get or apt-cache on the private state of SUITE.
suite_apt() {
  local state=$LAB/apt/$1 program=$2
  shift 2
  "$program" -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts="$state/empty" \
    -o Dir::Etc::Preferences="$state/none" -o Dir::Etc::PreferencesParts="$state/empty" \
    -o Dir::State::Lists="$state/lists" -o Dir::State::Status=/dev/null -o Dir::Cache="$state/cache" \
    -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

# suite_open SUITE: refreshes the package list of SUITE, once per run.
declare -A suite_is_open=()
suite_open() {
  local state=$LAB/apt/$1 mirror
  [ -z "${suite_is_open[$1]:-}" ] || return 0
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || die 'no Debian mirror found in the apt sources; set VLANDHCP_DEBIAN_MIRROR'
  mkdir -p "$state/empty" "$state/lists/partial" "$state/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$state/sources.list"
  suite_apt "$1" apt-get -qq update >>"$LAB/log/apt.log" 2>&1 || return 1
  suite_is_open[$1]=yes
}

# suite_newest SUITE REGEX: the package whose name matches REGEX and sorts last.
suite_newest() { suite_apt "$1" apt-cache search --names-only "$2" | cut -d' ' -f1 | sort --version-sort | tail -n 1; }

# suite_unpack SUITE FOLDER PACKAGE...: downloads the packages (not what they depend on) and unpacks them.
suite_unpack() {
  local suite=$1 folder=$2 downloads=$LAB/apt/$1/downloads package
  shift 2
  suite_open "$suite" || return
  rm -rf "$downloads"
  mkdir -p "$folder" "$downloads"
  (cd "$downloads" && suite_apt "$suite" apt-get -qq download "$@" >>"$LAB/log/apt.log" 2>&1) || return
  for package in "$downloads"/*.deb; do dpkg-deb --extract "$package" "$folder" || return; done
  rm -rf "$downloads"
}
