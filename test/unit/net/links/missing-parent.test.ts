import { expect, test } from 'vitest';
import type { Link } from '../../../../plugin/net/links/link-info.ts';
import { missingParent } from '../../../../plugin/net/links/parent/missing-parent.ts';

const link = (name: string, parts: Partial<Link> = {}): Link => ({
  ...{ name, index: 1, mac: undefined, mtu: 1500, isUp: true, hasNoCarrier: false },
  ...{ isLoopback: false, kind: undefined, master: undefined, lower: undefined, alias: undefined },
  ...{ vlan: undefined, bridge: undefined },
  ...parts,
});
const LINKS = [
  link('lo', { isLoopback: true }),
  link('eth1'),
  link('eth3'),
  link('bond0', { kind: 'bond' }),
  link('docker0', { kind: 'bridge' }),
  link('br-0123456789ab', { kind: 'bridge' }),
  link('br0', { kind: 'bridge' }),
  link('veth12', { kind: 'veth', master: 'docker0' }),
  link('eth1.500', { kind: 'vlan', alias: 'vlandhcp vlan' }),
  link('vdh1', { kind: 'veth', alias: 'vlandhcp endpoint', lower: 'vdc1' }),
  link('vdc1', { kind: 'veth', lower: 'vdh1' }),
];

test('links of Docker, of containers and of ours are not proposed', () => {
  expect(missingParent({ parent: 'eth9', vlan: 5, bridge: 'br5' }, LINKS).message).toBe(
    'parent link eth9 does not exist; set -o parent= to one of: eth1, eth3, bond0, br0',
  );
});

test('a VLAN link that is not there is asked for by its parent and its id', () => {
  const spec = { parent: 'eth3.500', vlan: undefined };
  expect(missingParent({ ...spec, bridge: 'br5' }, LINKS).message).toBe(
    'parent link eth3.500 does not exist; for VLAN 500 of eth3 type: -o parent=eth3 -o vlan=500',
  );
  expect(missingParent(spec, LINKS).message).toContain(
    '--ipam-opt parent=eth3 --ipam-opt vlan=500',
  );
});

test('a name with a dot whose first part is no link, or with a VLAN typed beside it, is just missing', () => {
  for (const spec of [
    { parent: 'eth7.500', vlan: undefined },
    { parent: 'eth3.500', vlan: 5 },
  ]) {
    expect(missingParent(spec, LINKS).message).toContain('parent= to one of:');
  }
});
