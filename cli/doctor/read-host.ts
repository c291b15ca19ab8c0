/** Reads the host: kernel, links, firewall, network managers, mounts. It changes nothing. */
import { existsSync, realpathSync } from 'node:fs';
import type { HostFacts, LinkFact } from './facts.ts';
import { readFilters } from './read-firewall.ts';
import { readManaged, readUdevFiles } from './read-managers.ts';
import { printed, textOf } from './texts.ts';

/** A module, and a function that the kernel has if the module is loaded or built in. */
const MODULES = {
  '8021q': 'register_vlan_dev',
  bridge: 'br_add_if',
  veth: 'veth_xmit',
  macvlan: 'macvlan_common_newlink',
};

export async function readHost(kernel: string): Promise<HostFacts> {
  const links = await readLinks();
  return {
    ...{ kernel, links, missingModules: readMissingModules(kernel) },
    filters: await readFilters(),
    managed: await readManaged(links ?? []),
    udevFiles: readUdevFiles(),
    runMount: readRunMount(),
  };
}

function readMissingModules(kernel: string): string[] {
  const folder = `/lib/modules/${kernel}`;
  const files = textOf(`${folder}/modules.dep`) + textOf(`${folder}/modules.builtin`);
  let symbols: string | undefined;
  return Object.entries(MODULES).flatMap(([name, symbol]) => {
    if (existsSync(`/sys/module/${name}`)) return [];
    if (new RegExp(`/${name}\\.ko`).test(files)) return [];
    symbols ??= textOf('/proc/kallsyms');
    // A kernel may hide its symbols. Then nothing is known.
    return symbols === '' || symbols.includes(` ${symbol}`) ? [] : [name];
  });
}

interface ShownLink {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly altnames?: readonly string[];
  readonly address?: string;
  readonly ifalias?: string;
  readonly master?: string;
  readonly link?: string | null;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: { readonly id?: number; readonly stp_state?: number };
  };
}

async function readLinks(): Promise<LinkFact[] | undefined> {
  const text = await printed('ip', '-d', '-j', 'link', 'show');
  if (text === undefined) return undefined;
  return (JSON.parse(text) as readonly ShownLink[]).map((link) => {
    const { info_kind: kind, info_data: data } = link.linkinfo ?? {};
    return {
      ...{ name: link.ifname, mtu: link.mtu, kind, alias: link.ifalias, master: link.master },
      altNames: link.altnames ?? [],
      mac: link.address,
      isUp: link.flags.includes('UP'),
      hasCarrier: link.flags.includes('LOWER_UP'),
      lower: link.link ?? undefined,
      vlan: kind === 'vlan' ? data?.id : undefined,
      hasStp: kind === 'bridge' && data?.stp_state === 1,
    };
  });
}

/** As dockerd sees it, which may have mounts of its own. */
function readRunMount(): HostFacts['runMount'] {
  const pid = textOf('/var/run/docker.pid').trim();
  const text = textOf(`/proc/${pid}/mountinfo`) || textOf('/proc/self/mountinfo');
  const folder = realpathOf('/var/run/docker');
  const mounts = text.split('\n').flatMap((line) => {
    const [, , , , point = '', , ...rest] = line.split(' ');
    const isAbove = point === '/' || folder === point || folder.startsWith(`${point}/`);
    const fields = rest.slice(0, rest.indexOf('-'));
    return isAbove && point !== ''
      ? [{ point, isShared: fields.some((field) => field.startsWith('shared:')) }]
      : [];
  });
  // The last of the longest is the one on top.
  return mounts.reduce<HostFacts['runMount']>(
    (best, one) => (best === undefined || one.point.length >= best.point.length ? one : best),
    undefined,
  );
}

function realpathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return '/run/docker';
  }
}
