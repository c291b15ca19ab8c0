/**
 * Hosts of an uplink's site without the WireGuard of the kernel: their `ip` says what the `ip` of
 * such a host says. Everything else it passes on.
 */
import { chmodSync, copyFileSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../lab/netns.ts';
import type { UplinkSite } from './uplink-site.ts';

/** For the services that are started from now on. */
export function withoutKernelWireguard(site: UplinkSite): void {
  const folder = join(site.folder, 'ip');
  mkdirSync(folder);
  const real = realpathSync(run('sh', ['-c', 'command -v ip']).trim());
  copyFileSync(real, join(folder, 'real'));
  const wrapper = join(folder, 'ip');
  writeFileSync(
    wrapper,
    `#!/bin/sh
if [ "$1" = -batch ] && [ "$2" = - ]; then
  lines=$(cat)
  case $lines in
    *"type wireguard"*)
      echo "Error: Unknown device type." >&2
      echo "Command failed -:1" >&2
      exit 1 ;;
  esac
  printf '%s\\n' "$lines" | ${join(folder, 'real')} "$@"
else
  exec ${join(folder, 'real')} "$@"
fi
`,
  );
  for (const file of [wrapper, join(folder, 'real')]) chmodSync(file, 0o755);
  // In the mounts of the service alone. The commands of this test have the real one.
  site.shell = ['unshare', '--mount', 'sh', '-ec', `mount --bind ${wrapper} ${real}; exec "$@"`];
}
