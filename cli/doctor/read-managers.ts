/** Reads which network managers configure links, and the files by which udev changes links. */
import { readdirSync } from 'node:fs';
import type { LinkFact, ManagerFact, UdevFile } from './facts.ts';
import { printed, textOf } from './texts.ts';

/** Both managers keep a file for each link, named by the link's index. */
export async function readManaged(links: readonly LinkFact[]): Promise<readonly ManagerFact[]> {
  const ours = links.filter(isOurs);
  // Without a VLAN the parent itself is a port. A manager may take it out of the bridge.
  const ports = links.filter((link) => !isOurs(link) && ours.some(({ name }) => name === link.master)); // prettier-ignore
  const looked = [...ours, ...ports].map(({ name }) => ({
    name,
    index: textOf(`/sys/class/net/${name}/ifindex`).trim(),
  }));
  const byNetworkd = looked.filter(({ index }) =>
    /^ADMIN_STATE=(configuring|configured|failed)$/m.test(
      textOf(`/run/systemd/netif/links/${index}`),
    ),
  );
  const byNetworkManager = looked.filter(({ index }) =>
    /^managed=true$/m.test(textOf(`/run/NetworkManager/devices/${index}`)),
  );
  const external = byNetworkManager.length === 0 ? [] : await readExternal();
  return [
    ...byNetworkManager
      .filter(({ name }) => !external.includes(name))
      .map(({ name: link }) => ({ link, manager: 'NetworkManager' }) as const),
    ...byNetworkd.map(({ name: link }) => ({ link, manager: 'systemd-networkd' }) as const),
  ];
}

function isOurs({ alias }: LinkFact): boolean {
  return alias?.startsWith('vlandhcp ') === true;
}

/** Links that NetworkManager only shows, because another program made them. */
async function readExternal(): Promise<readonly string[]> {
  const text = await printed('nmcli', '-t', '-f', 'DEVICE,STATE', 'device', 'status');
  return (text ?? '')
    .split('\n')
    .flatMap((line) => /^(.+):.*\(externally\)$/.exec(line)?.[1] ?? []);
}

/** Those of the distribution match cards only. */
const UDEV_FOLDERS = {
  '/etc/systemd/network': '.link',
  '/run/systemd/network': '.link',
  '/etc/udev/rules.d': '.rules',
  '/run/udev/rules.d': '.rules',
};

export function readUdevFiles(): readonly UdevFile[] {
  return Object.entries(UDEV_FOLDERS).flatMap(([folder, ending]) =>
    filesIn(folder)
      .filter((name) => name.endsWith(ending))
      .map((name) => ({ path: `${folder}/${name}`, text: textOf(`${folder}/${name}`) })),
  );
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
