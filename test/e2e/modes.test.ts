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
  until,
} from '../support/lab/lab.ts';
import { recordOutcomes } from '../support/lab/outcomes.ts';
import { MODES, PARENTS, runCell, VLANS, withParents } from '../support/modes/mode-cells.ts';
import type { ParentKind } from '../support/modes/mode-cells.ts';
import { site } from '../support/lab/site.ts';

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

describe('mode × parent × addressing', () => {
  it.each(MODES)('mode=%s on every kind of parent, with both forms of addressing', (mode) =>
    withParents(mode, async () => {
      for (const kind of Object.keys(PARENTS) as ParentKind[]) {
        await runCell(mode, kind, 'plain');
        await runCell(mode, kind, 'ours');
      }
    }),
  );

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
