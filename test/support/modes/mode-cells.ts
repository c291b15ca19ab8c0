/**
 * The table mode × parent × addressing: each cell is a network with a container that leases, is
 * reached and leaves nothing. A cell that was run is a row of the table that `scripts/test` prints.
 */
import { expect } from 'vitest';
import { attachment, docker, firewallComesToReach, ip, links, output } from '../lab/lab.ts';
import { outcome } from '../lab/outcomes.ts';

export const MODES = ['bridge', 'macvlan', 'ipvlan'] as const;
export const VLANS = { bridge: '10', macvlan: '600', ipvlan: '10' } as const;
export const PARENTS = {
  'a trunk': { parent: 'eth1', isTagged: true },
  "a VLAN link of the operator's": { parent: 'lan500', isTagged: false },
  'an untagged card': { parent: 'eth2', isTagged: false },
} as const;
export type ParentKind = keyof typeof PARENTS;
const ADDRESSING = {
  plain: ['--ipam-driver', 'null'],
  ours: ['--ipam-driver', 'vlandhcp'],
} as const;

/** Links, and the rules of the firewall, in both forms and families. Counters do not count. */
async function hostNow(): Promise<string> {
  const parts = await Promise.all([
    links(),
    output('iptables', ['-S']),
    output('ip6tables', ['-S']),
    output('nft', ['--stateless', 'list', 'ruleset']),
  ]);
  return parts.join('\n').replaceAll(/counter packets \d+ bytes \d+ ?/g, '');
}

/** One cell: a container of its own network leases, is reached, and leaves nothing. */
export async function runCell(
  mode: (typeof MODES)[number],
  kind: keyof typeof PARENTS,
  addressing: keyof typeof ADDRESSING,
): Promise<void> {
  const name = `${mode}-${addressing}`;
  const row = outcome('modes', `mode=${mode} on ${kind}, addressing ${addressing}`);
  const { parent, isTagged } = PARENTS[kind];
  const before = await hostNow();
  const options = [
    ...[`parent=${parent}`, `mode=${mode}`],
    ...(isTagged ? [`vlan=${VLANS[mode]}`] : []),
  ].flatMap((option) => ['-o', option]);
  const where = isTagged ? ['--ipam-opt', `vlan=${VLANS[mode]}`] : [];
  const pool = addressing === 'ours' ? ['--ipam-opt', `parent=${parent}`, ...where] : [];
  await docker(
    'network',
    'create',
    '-d',
    'vlandhcp',
    ...ADDRESSING[addressing],
    ...pool,
    ...options,
    name,
  );
  await docker('run', '-d', '--name', name, '--network', name, 'bb');
  const { address, gateway } = await attachment(name, name);
  expect([name, gateway.replace(/\.\d+$/, '')]).toEqual([name, address.replace(/\.\d+$/, '')]);
  await firewallComesToReach(address);
  await docker('rm', '-f', name);
  await docker('network', 'rm', name);
  const after = await hostNow();
  expect(after).toBe(before);
  row.seen = `leased ${address}, reached by the firewall; links and rules as before`;
  row.leftovers = 0;
}

/** Runs `work` with what the kinds of parents need. */
export async function withParents(
  mode: (typeof MODES)[number],
  work: () => Promise<void>,
): Promise<void> {
  // The operator's own link, with another name than the plugin would give it.
  await ip('link', 'add', 'link', 'eth1', 'name', 'lan500', 'type', 'vlan', 'id', '500');
  await ip('link', 'set', 'lan500', 'up');
  // An address of the host on the card is no hindrance without a bridge.
  if (mode !== 'bridge') await ip('addr', 'add', '192.0.2.1/32', 'dev', 'eth2');
  try {
    await work();
  } finally {
    await ip('link', 'delete', 'lan500');
    await ip('addr', 'flush', 'dev', 'eth2');
  }
}
