import { expect, it } from 'vitest';
import { hubTables } from '../../../plugin/hub/kernel/guards.ts';
import type { HubDesired, HubMember } from '../../../plugin/hub/desired.ts';
import { generateKey, publicKeyOf } from '../../../plugin/uplink/wireguard-key.ts';

const key = () => publicKeyOf(generateKey());
const member = (number: number, vlans: readonly number[], mesh = false): HubMember => ({
  ...{ name: `m${number}`, number, publicKey: key(), vlans, mesh },
  ...{ address: `10.83.41.${number}`, vni: 7_758_848 + number },
});
const hub = (members: readonly HubMember[]): HubDesired => ({
  ...{ device: 'vdhub', privateKey: generateKey(), listenPort: 51820, prefixLength: 24 },
  ...{ address: '10.83.41.1', trunk: 'eth1', mtu: 1500, members },
  guests: [{ publicKey: key(), address: '10.83.41.9' }],
});
const bodies = (desired: HubDesired) => hubTables(desired).map(({ body }) => body);

it('a number of a VXLAN belongs to one address, and all other frames are dropped', () => {
  const [inet = ''] = bodies(hub([member(2, [500]), member(3, [600])]));
  expect(inet).toContain('10.83.41.2 : jump frames_2, 10.83.41.3 : jump frames_3');
  expect(inet).toMatch(/chain frames_2 \{\n@th,96,24 7758850 counter name frames_2 accept\n\}/);
  expect(inet.indexOf('vmap')).toBeLessThan(inet.indexOf('counter name binding drop'));
});

it('a member without VLANs, and a guest, speak to the registrar and to nothing else', () => {
  const [inet = '', bridge = ''] = bodies(hub([member(2, [])]));
  expect(inet).toContain('ip saddr { 10.83.41.2, 10.83.41.9 } ip daddr 10.83.41.1 tcp dport 51821');
  expect(inet).not.toMatch(/@th/);
  expect(bridge).not.toContain('broadcast_2');
});

it('only members of the mesh may be forwarded to each other', () => {
  const [without = ''] = bodies(hub([member(2, [500]), member(3, [500])]));
  expect(without).not.toContain('counter name mesh accept');
  const [inet = ''] = bodies(hub([member(2, [500], true), member(3, [500]), member(4, [], true)]));
  expect(inet).toContain('ip saddr { 10.83.41.2, 10.83.41.4 } ip daddr { 10.83.41.2, 10.83.41.4 }');
});

it('members of the mesh do not reach Docker of each other, and a member answers from it alone', () => {
  const managed = { ...member(2, [500], true), manage: { port: undefined } };
  const [inet = ''] = bodies(hub([managed, member(3, [500], true)]));
  expect(inet).toContain('ip saddr { 10.83.41.2 } ip daddr 10.83.41.1 tcp sport 2376 ct state');
  const stopped = inet.indexOf('tcp dport 2376 counter name between drop');
  expect(stopped).toBeGreaterThan(0);
  expect(stopped).toBeLessThan(inet.lastIndexOf('counter name mesh accept'));
});

it('segments of TCP fill one packet of WireGuard: 1420 - 54 - 40, and 60 for IPv6', () => {
  const [, bridge = ''] = bodies(hub([member(2, [500])]));
  expect([...bridge.matchAll(/maxseg size set (\d+)/g)].map(([, size]) => size)).toEqual([
    '1326',
    '1306',
  ]);
});

it('a hub without anybody has rules, too', () => {
  const [inet = '', bridge = ''] = bodies({ ...hub([]), guests: [] });
  expect(inet).toContain('counter name binding drop');
  expect(inet).not.toContain('{ }');
  expect(bridge).toContain('counter name bpdu drop');
});
