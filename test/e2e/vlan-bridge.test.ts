/** A real engine on an operator's bridge that filters VLANs and has the trunk as a port. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  attachment,
  docker,
  dockerRefuses,
  firewallComesToReach,
  ip,
  lab,
  leases,
  output,
  removeAllContainersAndNetworks,
  until,
} from '../support/lab/lab.ts';
import { outcome, recordOutcomes } from '../support/lab/outcomes.ts';
import { site } from '../support/lab/site.ts';

recordOutcomes();

site({ server: ['dnsmasq-no-ping', '10', '500', '600', 'lan'] });

const create = (name: string, addressing: readonly string[], ...options: string[]) =>
  docker(
    ...['network', 'create', '-d', 'vlandhcp', ...addressing],
    ...options.flatMap((option) => ['-o', option]),
    name,
  );
const PLAIN = ['--ipam-driver', 'null'];
const OURS = ['--ipam-driver', 'vlandhcp', '--ipam-opt', 'parent=br0', '--ipam-opt', 'vlan=500'];
const bridge = (...args: string[]) => output('bridge', args);

let vlansBefore: string;
beforeEach(async () => {
  await ip('link', 'add', 'br0', 'type', 'bridge', 'vlan_filtering', '1');
  await ip('link', 'set', 'br0', 'up');
  await ip('link', 'set', 'eth1', 'master', 'br0');
  vlansBefore = await bridge('vlan', 'show');
});
afterEach(async () => {
  await removeAllContainersAndNetworks();
  await ip('link', 'delete', 'br0');
});

describe('-o bridge= of a bridge that filters VLANs', () => {
  it.each([
    ['plain', PLAIN, 'parent=eth1'],
    ['our IPAM', OURS, 'parent=br0'],
  ])('%s: a container leases and is reached, and the bridge is as before', async (...cell) => {
    const [form, addressing, parent] = cell;
    const row = outcome('modes', `mode=bridge on a VLAN-aware bridge, ${form}`);
    // The trunk is a veth here, so only `parent=eth1` says that it is the uplink.
    if (parent === 'parent=br0') await bridge('vlan', 'add', 'dev', 'eth1', 'vid', '500');
    await create('direct', addressing, parent, 'vlan=500', 'bridge=br0');
    await docker('run', '-d', '--name', 'box', '--net=direct', 'bb');
    const { address, gateway } = await attachment('box', 'direct');
    expect([address.replace(/\.\d+$/, ''), gateway]).toEqual(['10.50.0', '10.50.0.1']);
    await firewallComesToReach(address);
    expect(await ip('-br', 'link')).not.toContain('eth1.500');
    await docker('rm', '-f', 'box');
    await until('the lease is given back', async () => !(await leases()).includes(address));
    await docker('network', 'rm', 'direct');
    if (parent === 'parent=br0') await bridge('vlan', 'del', 'dev', 'eth1', 'vid', '500');
    expect(await bridge('vlan', 'show')).toBe(vlansBefore);
    row.seen = `leased ${address}, reached by the firewall; the VLANs of the bridge as before`;
    expect(await ip('-br', 'link')).not.toMatch(/vd[hc]|br0\.500/);
    row.leftovers = 0;
  });

  it('two VLANs on one bridge are kept apart, over kill -9 of the plugin too', async () => {
    await create('v10', PLAIN, 'parent=eth1', 'vlan=10', 'bridge=br0');
    await create('v500', PLAIN, 'parent=eth1', 'vlan=500', 'bridge=br0');
    for (const name of ['v10', 'v500'])
      await docker('run', '-d', '--name', name, `--net=${name}`, 'bb');
    const [ten, other] = [await attachment('v10', 'v10'), await attachment('v500', 'v500')];
    expect(ten.address).toMatch(/^10\.10\.0\./);
    await lab('service-kill');
    await lab('service-up');
    for (const { address } of [ten, other]) await firewallComesToReach(address);
    // Both are in one bridge. What is broadcast in one VLAN must not reach the other.
    const asked = ['arping', '-c', '1', '-w', '1', '-I', 'eth0', ten.address];
    await expect(docker('exec', 'v500', ...asked)).rejects.toThrow();
  });

  it('running containers are in their VLAN again when the operator has made his bridge anew', async () => {
    await create('direct', PLAIN, 'parent=eth1', 'vlan=500', 'bridge=br0');
    await docker('run', '-d', '--name', 'box', '--net=direct', 'bb');
    const { address } = await attachment('box', 'direct');
    await ip('link', 'delete', 'br0');
    await ip('link', 'add', 'br0', 'type', 'bridge', 'vlan_filtering', '1');
    await ip('link', 'set', 'br0', 'up');
    await ip('link', 'set', 'eth1', 'master', 'br0');
    await firewallComesToReach(address);
  });
});

it('a bridge of the operator that filters no VLANs is refused with a VLAN', async () => {
  await ip('link', 'set', 'br0', 'type', 'bridge', 'vlan_filtering', '0');
  const said = await dockerRefuses(
    ...['network', 'create', '-d', 'vlandhcp', ...PLAIN],
    ...['-o', 'parent=eth1', '-o', 'vlan=500', '-o', 'bridge=br0', 'two'],
  );
  expect(said).toContain('vlan_filtering 1');
});
