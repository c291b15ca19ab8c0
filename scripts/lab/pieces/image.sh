# The container image of the lab, made without any registry: busybox and its links, 2 MB, $LAB/image/bb.tar.
# shellcheck shell=bash

have_image() {
  local recipe='image recipe 1' root=$LAB/image/root applet
  if is_stamped image "$recipe" && [ -s "$LAB/image/bb.tar" ]; then reused+=(image); return 0; fi
  unstamp image
  rm -rf "$LAB/image"
  mkdir -p "$root"/{bin,etc,tmp,root,var/www}
  cp /bin/busybox "$root/bin/busybox"
  for applet in $(/bin/busybox --list); do [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"; done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  echo 'hello from the container' >"$root/var/www/index.html"
  tar -C "$root" --owner=0 --group=0 -cf "$LAB/image/bb.tar" .
  rm -rf "$root"
  stamp image "$recipe"
  say 'image: busybox'
}
