# The plugin folder: built, given to Docker, packed into the files of a registry and served. `create`, `pack`, `push`.
# Sourced by scripts/plugin.
# shellcheck shell=bash

machine() { case $(uname -m) in x86_64) echo amd64 ;; aarch64) echo arm64 ;; *) uname -m ;; esac; }

folder() { # sets `dir` to a plugin folder, built now unless --dir gave one
  if [ -z "$dir" ]; then
    dir=$root/build/plugin-$arch
    step "building $dir from this checkout and Debian packages"
    "$root/scripts/build-rootfs" --arch "$arch" ${from:+--from "$from"} "$dir" || die "the plugin could not be built; see above"
  fi
  dir=${dir%/}
  [ -f "$dir/config.json" ] && [ -d "$dir/rootfs" ] || die "$dir is not a plugin folder (config.json and rootfs/); make one: scripts/build-rootfs $dir"
  release=$(awk '/^vlandhcp /{print $2 "-" $3}' "$dir/rootfs/app/RELEASE" 2>/dev/null || true)
  release=${release:-0-$arch}
}

create() { # create NAME: the folder becomes a plugin
  local answer
  docker plugin inspect "$1" >/dev/null 2>&1 && die "a plugin called $1 exists; run: scripts/plugin upgrade, or: docker plugin rm $1"
  answer=$(docker plugin create "$1" "$dir" 2>&1) || case $answer in
    *'already exists'*) die "docker refused: $answer" "exactly these files are installed already (docker plugin ls): nothing to do; if they were removed a moment ago, try again in some seconds" ;;
    *) die "docker plugin create failed: $answer" "is dockerd running, and is there room for 300 MB in its data folder?" ;;
  esac
}

free_port() { # a TCP port nobody listens on
  local port
  for port in {5077..5177}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  return 1
}

# Docker takes a plugin from a registry several times faster than from a folder, can upgrade it only from there, and
# never minds that it has the same files already. So a folder is packed into the files of a registry, beside it, and
# Debian's docker-registry serves them on 127.0.0.1 as long as this script runs.
have_registry() { command -v docker-registry >/dev/null; }

pack() { # writes $dir.store, unless it is there and made from the same files; repository vlandhcp, tag $release
  local store=$dir.store stamp v2 repo blobs new summing layer rootfs config manifest
  stamp=$release-$(cd "$dir" && { find . -printf '%P %y %s %m %T@ %l\n' && find config.json rootfs/app -type f -exec sha256sum {} +; } | LC_ALL=C sort | sha256sum | cut -c1-16)
  [ "$(cat "$store/stamp" 2>/dev/null)" != "$stamp" ] || { step "$dir is packed already"; return 0; }
  step "packing $dir, $(du -sm "$dir/rootfs" | cut -f1) MB"
  new=$(mktemp -d "$dir.store.XXXXXX") || die "cannot write beside $dir"
  half_packed=$new
  v2=$new/docker/registry/v2
  repo=$v2/repositories/vlandhcp blobs=$v2/blobs/sha256
  blob() { # blob FILE: moves it into the store and prints its digest
    local digest
    digest=$(sha256sum <"$1" | cut -c1-64)
    mkdir -p "$blobs/${digest:0:2}/$digest" && mv "$1" "$blobs/${digest:0:2}/$digest/data" && echo "$digest"
  }
  size() { stat -c %s "$blobs/${1:0:2}/$1/data"; }
  link() { mkdir -p "$repo/$2" && printf 'sha256:%s' "$1" >"$repo/$2/link"; }
  # Both read the archive while it is made: gzip takes one core, and the digest a part of the other.
  mkfifo "$new/archive"
  sha256sum <"$new/archive" >"$new/digest" &
  summing=$!
  tar -C "$dir/rootfs" --sort=name --owner=0 --group=0 --numeric-owner -c . | tee "$new/archive" | gzip -n1 >"$new/layer"
  wait "$summing"
  rootfs=$(cut -c1-64 "$new/digest")
  rm "$new/archive" "$new/digest"
  layer=$(blob "$new/layer")
  sed '$ s/}[[:space:]]*$/,"rootfs":{"type":"layers","diff_ids":["sha256:'"$rootfs"'"]}}/' "$dir/config.json" >"$new/config"
  config=$(blob "$new/config")
  cat >"$new/manifest" <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",
"config":{"mediaType":"application/vnd.docker.plugin.v1+json","size":$(size "$config"),"digest":"sha256:$config"},
"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":$(size "$layer"),"digest":"sha256:$layer"}]}
JSON
  manifest=$(blob "$new/manifest")
  link "$layer" "_layers/sha256/$layer"
  link "$config" "_layers/sha256/$config"
  link "$manifest" "_manifests/revisions/sha256/$manifest"
  link "$manifest" "_manifests/tags/$release/current"
  link "$manifest" "_manifests/tags/$release/index/sha256/$manifest"
  echo "$stamp" >"$new/stamp"
  rm -rf "$store" && mv "$new" "$store"
  half_packed=
}

serve() { # sets `ref` to where docker finds the packed folder
  local port
  pack
  temporary=$(mktemp -d)
  port=$(free_port) || die "no free TCP port between 5077 and 5177 on 127.0.0.1"
  cat >"$temporary/config.yml" <<YAML
version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: '$(realpath "$dir.store" | sed "s/'/''/g")' }, maintenance: { readonly: { enabled: true } } }
http: { addr: "127.0.0.1:$port" }
YAML
  docker-registry serve "$temporary/config.yml" >"$temporary/log" 2>&1 &
  registry=$!
  ref=127.0.0.1:$port/vlandhcp:$release
  for _ in {1..100}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
    sleep 0.05
  done
  die "the local registry did not start: $(tail -n 3 "$temporary/log")"
}

push() { # push REPO: pushes the folder as REPO:$release
  local target=$1:$release ref=''
  case $(docker plugin inspect -f '{{.Enabled}}' "$target" 2>/dev/null || true) in
    true) die "a plugin called $target is installed and enabled here, and pushing takes that name for a moment" "push from another host, or remove it first: scripts/plugin remove --name $target" ;;
    false) docker plugin rm "$target" >/dev/null || die "a plugin called $target is in the way here; see above" ;;
  esac
  if have_registry; then # same digests on every machine, and quicker than `docker plugin create`
    serve
    step "Docker takes in $target"
    yes=--grant-all-permissions borrow "$target" "$ref" || die "dockerd could not take the packed folder; is its network another than this shell's?"
  else
    step "Docker takes in $target"
    create "$target"
    borrowed=$target
  fi
  step "pushing $target"
  docker plugin push "$target" >/dev/null || die "the push of $target failed; is the registry reachable, and did you docker login?"
  say "pushed $target; install it with: scripts/plugin install --yes $target"
}

command_create() {
  wants 0 1
  name=${words[0]:-$name}
  [[ $name == *:* ]] || name=$name:latest
  steps=$((1 + (${#dir} == 0)))
  folder
  step "Docker takes in $dir, $(du -sm "$dir/rootfs" | cut -f1) MB; it takes half a minute and says nothing meanwhile"
  create "$name"
  say "created $name from $dir; start it: docker plugin enable $name"
}

command_pack() {
  wants 0 0
  steps=$((1 + (${#dir} == 0)))
  folder
  pack
  say "packed $dir as $dir.store; install and upgrade use it when docker-registry is there"
}

command_push() {
  [ ${#words[@]} = 1 ] || die "say where to push, without a tag: scripts/plugin push registry.example.net/net/vlandhcp"
  steps=$((2 + (${#dir} == 0)))
  ! have_registry || steps=$((steps + 1))
  folder
  push "${words[0]}"
}
