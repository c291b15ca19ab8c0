/**
 * The attachment modes on a real engine, over a real trunk: each mode on each kind of parent, with
 * plain addressing and with our IPAM. Every cell of the table is run.
 */
import { describe, expect, it } from 'vitest';
import {
  attachment,
  docker,
  dockerRefuses,
  firewallComesToReach,
  ip,
  lab,
  leases,
  links,
  output,
  until,
} from '../support/lab.ts';
import { outcome, recordOutcomes } from '../support/outcomes.ts';
import { site } from '../support/site.ts';

recordOutcomes();

// With ipvlan no container has a MAC of its own, so our IPAM must not require one.
site({
  server: ['dnsmasq-no-ping', '10', '500', '600', 'lan'],
  settings: { IPAM_REQUIRE_MAC: 'false' },
});

const create = (name: string, ...options: string[]) =>
  docker(
    ...['network', 'create', '-d', 'vlandhcp', '--ipam-driver', 'null'],
    ...options.flatMap((option) => ['-o', option]),
    name,
  );

const MODES = ['bridge', 'macvlan', 'ipvlan'] as const;
const VLANS = { bridge: '10', macvlan: '600', ipvlan: '10' } as const;
const PARENTS = {
  'a trunk': { parent: 'eth1', isTagged: true },
  "a VLAN link of the operator's": { parent: 'lan500', isTagged: false },
  'an untagged card': { parent: 'eth2', isTagged: false },
} as const;
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
async function runCell(
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

describe('mode × parent × addressing', () => {
  it.each(MODES)('mode=%s on every kind of parent, with both forms of addressing', async (mode) => {
    // The operator's own link, with another name than the plugin would give it.
    await ip('link', 'add', 'link', 'eth1', 'name', 'lan500', 'type', 'vlan', 'id', '500');
    await ip('link', 'set', 'lan500', 'up');
    // An address of the host on the card is no hindrance without a bridge.
    if (mode !== 'bridge') await ip('addr', 'add', '192.0.2.1/32', 'dev', 'eth2');
    try {
      for (const kind of Object.keys(PARENTS) as (keyof typeof PARENTS)[]) {
        await runCell(mode, kind, 'plain');
        await runCell(mode, kind, 'ours');
      }
    } finally {
      await ip('link', 'delete', 'lan500');
      await ip('addr', 'flush', 'dev', 'eth2');
    }
  });

  it.each(MODES)(
    'mode=%s, isolate=true: containers of one host do not reach each other',
    async (mode) => {
      await create('apart', 'parent=eth1', `vlan=${VLANS[mode]}`, `mode=${mode}`, 'isolate=true');
      for (const name of ['one', 'two'])
        await docker('run', '-d', '--name', name, '--net=apart', 'bb');
      const { address } = await attachment('two', 'apart');
      await firewallComesToReach(address);
      await expect(docker('exec', 'one', 'ping', '-c', '1', '-W', '1', address)).rejects.toThrow(
        '100%',
      );
    },
  );
});

describe.each(['macvlan', 'ipvlan'])('mode=%s', (mode) => {
  it('gives a container a leased address without a bridge, and takes everything back', async () => {
    await create('direct', 'parent=eth1', 'vlan=500', `mode=${mode}`);
    await docker('run', '-d', '--name', 'box', '--net=direct', 'bb');
    const { address, gateway } = await attachment('box', 'direct');
    expect(address).toMatch(/^10\.50\.0\.1\d\d$/);
    expect(gateway).toBe('10.50.0.1');
    await firewallComesToReach(address);
    expect(await ip('-br', 'link', 'show', 'type', 'bridge')).not.toContain('br500');
    await docker('rm', '-f', 'box');
    expect(await ip('-br', 'link')).not.toContain('vdc');
    await until('the lease is given back', async () => !(await leases()).includes(address));
  });

  it('keeps the lease of a running container over kill -9 of the plugin', async () => {
    await create('direct', 'parent=eth1', 'vlan=500', `mode=${mode}`);
    await docker('run', '-d', '--name', 'box', '--net=direct', 'bb');
    const { address } = await attachment('box', 'direct');
    await lab('service-kill');
    await lab('service-up');
    await firewallComesToReach(address);
    await docker('rm', '-f', 'box');
    await until('the lease is given back', async () => !(await leases()).includes(address));
  });

  it('gives the same identity the same address again', async () => {
    await create('direct', 'parent=eth1', 'vlan=500', `mode=${mode}`);
    const start = () =>
      docker('run', '-d', '--name', 'box', '--network', 'name=direct,driver-opt=id=web', 'bb');
    await start();
    const first = await attachment('box', 'direct');
    await docker('restart', '-t', '1', 'box');
    await docker('rm', '-f', 'box');
    await start();
    expect((await attachment('box', 'direct')).address).toBe(first.address);
  });
});

it('a second mode on one VLAN is refused with the words that work', async () => {
  await create('one', 'parent=eth1', 'vlan=500', 'mode=macvlan');
  const said = await dockerRefuses(
    ...['network', 'create', '-d', 'vlandhcp', '--ipam-driver', 'null'],
    ...['-o', 'parent=eth1', '-o', 'vlan=500', 'two'],
  );
  expect(said).toContain('mode=macvlan');
});

describe.each(['macvlan', 'ipvlan'])('mode=%s: the parent goes and comes back', (mode) => {
  it('and running containers have their links, addresses and routes again', async () => {
    await create('direct', 'parent=eth1', 'vlan=500', `mode=${mode}`);
    await docker('run', '-d', '--name', 'one', '--net=direct', 'bb');
    await docker('run', '-d', '--name', 'two', '--net=direct', 'bb');
    const before = await Promise.all(['one', 'two'].map((name) => attachment(name, 'direct')));
    for (const { address } of before) await firewallComesToReach(address);
    // The kernel takes the containers' links along.
    await ip('link', 'delete', 'eth1.500');
    for (const { address } of before) await firewallComesToReach(address);
    expect(await docker('exec', 'one', 'ip', 'route')).toMatch(
      /^default via 10\.50\.0\.1 dev eth0/,
    );
    await docker('rm', '-f', 'one', 'two');
    expect(await ip('-br', 'link')).not.toContain('vdc');
  });
});
