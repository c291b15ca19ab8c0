/**
 * What a container's port lets pass, with real frames. A neighbour on the bridge and a host of the
 * VLAN show which frames of a container they receive.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { removeEndpointLink } from '../../../plugin/net/endpoints/endpoint-links.ts';
import { ensureVethPort, guardEndpoints } from '../../../plugin/net/endpoints/veth-port.ts';
import { removeUnfinishedLinks } from '../../../plugin/net/links/orphan-links.ts';
import { ensureNetworkLinks } from '../../../plugin/net/links/links.ts';
import { dhcpClientFilter } from '../../../plugin/net/sockets/filter.ts';
import { openLeaseSocket } from '../../../plugin/net/sockets/lease-socket.ts';
import { openPacketSocket, type PacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import type { PortRules } from '../../../plugin/vocabulary/port-rules.ts';
import { parseIpv4, parseMac, type Mac } from '../../../plugin/wire/address.ts';
import { ipv6ToBytes, linkLocalOf, parseIpv6 } from '../../../plugin/wire/address6.ts';
import {
  dhcp,
  DROPPED,
  DROPPED_IPV6,
  ethernet,
  half,
  ipv4,
  ipv6,
  MAC,
  macOf,
  other,
  PASSING,
  PASSING_IPV6,
  udp,
} from '../../support/frames/guard-frames.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import {
  addParent,
  enterSandbox,
  ip,
  linkNames,
  run,
  until,
  type Sandbox,
  type TestNamespace,
} from '../../support/lab/netns.ts';

recordOutcomes();

const EVERYTHING = [{ code: 0x06, jt: 0, jf: 0, k: 0x40000 }];
const NEIGHBOUR = parseMac('02:00:00:00:00:bb')!;
const rulesOf = (mac: Mac, more: Partial<PortRules> = {}): PortRules => ({
  ...{ mode: 'mac', mac, addresses: [], leases: false, noServer: false },
  ...more,
});

let sandbox: Sandbox;
let container: TestNamespace;
let sockets: PacketSocket[] = [];

beforeEach(async () => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
  // The ports are tested here. iptables would drop bridged packets with an invented checksum.
  for (const family of ['arp', 'ip', 'ip6']) {
    const setting = `/proc/sys/net/bridge/bridge-nf-call-${family}tables`;
    run('sh', ['-c', `[ ! -e ${setting} ] || echo 0 > ${setting}`]);
  }
  await ensureNetworkLinks({ parent: 'eth1', vlan: 500, bridge: 'br0', mtu: undefined });
});

afterEach(() => {
  for (const socket of sockets) socket.close();
  sockets = [];
  sandbox.dispose();
});

async function attach(name: string, mac: Mac, rules: PortRules): Promise<TestNamespace> {
  const ends = { hostEnd: `h${name}`, containerEnd: `c${name}` };
  await ensureVethPort({ ...ends, mac, mtu: 1500, bridge: 'br0', rules });
  const namespace = sandbox.addNamespace();
  ip(`link set dev ${ends.containerEnd} netns ${namespace.name}`);
  namespace.run(() => {
    run('sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6']);
    ip(`link set dev ${ends.containerEnd} name eth0 up`);
  });
  return namespace;
}

const hex = (frame: Uint8Array | readonly number[]) => Buffer.from(frame).toString('hex');

/** Everything that arrives on a link, as hex. Padded frames begin with what was sent. */
function tap(link: string, netnsPath?: string): { socket: PacketSocket; seen: string[] } {
  const seen: string[] = [];
  const socket = openPacketSocket({
    ...{ link, netnsPath, filter: EVERYTHING, promiscuous: true, protocol: 'ipv4' },
    receiveBufferBytes: 1024 * 1024, // all kinds of frames come at once
    onFrame: (frame) => seen.push(hex(frame)),
    onError: () => undefined,
  });
  sockets.push(socket);
  return { socket, seen };
}

/** Sends all frames, waits for the mark behind them, and returns which frames got through. */
async function whatPasses(
  frames: readonly (readonly [string, readonly number[]])[],
  witnesses: readonly { readonly seen: readonly string[] }[],
): Promise<string[]> {
  const sender = tap('eth0', container.path).socket;
  for (const [, frame] of frames) sender.send(Uint8Array.from(frame));
  const mark = ethernet(0x88b5, [...Buffer.from(`the end ${performance.now()}`)]);
  sender.send(Uint8Array.from(mark));
  await until('the last frame arrives', () =>
    witnesses.every(({ seen }) => seen.some((one) => one.startsWith(hex(mark)))),
  );
  return frames
    .filter(([, frame]) =>
      witnesses.some(({ seen }) => seen.some((one) => one.startsWith(hex(frame)))),
    )
    .map(([what]) => what);
}

describe('a guarded container', () => {
  let witnesses: { socket: PacketSocket; seen: string[] }[];
  let neighbour: TestNamespace;
  const named = (frames: readonly (readonly [string, readonly number[]])[]) =>
    frames.map(([what]) => what);
  /** On a tagged link a frame of a VLAN loses its tag. port1 would show it with another VLAN. */
  beforeEach(async () => {
    container = await attach('1', MAC, rulesOf(MAC));
    neighbour = await attach('2', NEIGHBOUR, rulesOf(NEIGHBOUR));
    ip('link add link port1 name lan500 type vlan id 500');
    ip('link set dev lan500 up');
    witnesses = [tap('eth0', neighbour.path), tap('lan500')];
  });

  test('reaches others with what is its own', async () => {
    const frames = [...PASSING, ...PASSING_IPV6];
    expect(await whatPasses(frames, witnesses)).toEqual(named(frames));
  });

  test('reaches nobody with what would make others believe something else', async () => {
    const row = outcome(
      'C',
      'container sends what its guard forbids: MAC, ARP, tags, BPDU, DHCP, RA',
    );
    // The MAC of this port is another one than in the frame. host-closed.test.ts tests that frame.
    const frames = [...DROPPED, ...DROPPED_IPV6].filter(([what]) => !what.includes('host end'));
    expect(await whatPasses(frames, witnesses)).toEqual([]);
    row.seen = `${frames.length} kinds of frame sent, 0 arrived`;
    // The test can fail: without a guard the same frames arrive.
    await guardEndpoints([{ hostEnd: 'h1', rules: rulesOf(MAC, { mode: 'off' }) }]);
    expect((await whatPasses(frames, witnesses)).length).toBeGreaterThan(frames.length - 12);
    row.leftovers = 0;
  });

  test.each([
    ['802.1Q', 0x8100],
    ['802.1ad', 0x88a8],
  ])('sends no frame with a tag of %s to the trunk', async (_what, type) => {
    const row = outcome('C', `container sends frames tagged ${_what}`);
    const trunk = tap('port1');
    const tagged = [1, 2, 500, 600, 4094].map(
      (vid) => [`VLAN ${vid}`, ethernet(type, [vid >> 8, vid & 255, 0x88, 0xb5, 1, 2, 3])] as const,
    );
    const strays = trunk.socket.strayFramesDropped();
    expect(await whatPasses(tagged, witnesses)).toEqual([]);
    // The trunk has seen only the mark, once for the tag that is removed.
    expect(trunk.socket.strayFramesDropped() - strays).toBeLessThanOrEqual(2);
    row.seen = '5 VLANs tried, 0 frames on the trunk';
    row.leftovers = 0;
  });

  test('with guard=full sends from its leased address only, and follows a change at once', async () => {
    const row = outcome('C', 'guard=full: another source address');
    const from = (last: number) =>
      [`.${last}`, ipv4(1, [8, 0, last], { from: [10, 50, 0, last] })] as const;
    const full = (...last: number[]) =>
      rulesOf(MAC, {
        mode: 'full',
        addresses: last.map((one) => parseIpv4(`10.50.0.${one}`)!),
      });
    await guardEndpoints([{ hostEnd: 'h1', rules: full(23) }]);
    expect(await whatPasses([from(23), from(24)], witnesses)).toEqual(['.23']);
    await guardEndpoints([{ hostEnd: 'h1', rules: full(24) }]);
    expect(await whatPasses([from(25), from(24)], witnesses)).toEqual(['.24']);
    row.seen = 'only the leased one passes; the next one from the change on';
    row.leftovers = 0;
  });

  test('with guard=full speaks for its own IPv6 addresses only, and follows a change at once', async () => {
    const row = outcome('C', "guard=full: another host's IPv6 address");
    const octets = (text: string) => [...ipv6ToBytes(parseIpv6(text)!)];
    const from = (source: string) => {
      const frame = ipv6(6, [0, 80], [], 2, octets(source));
      return [source, frame] as const;
    };
    const claim = (target: string) => {
      const message = [136, 0, 0, 0, 0x20, 0, 0, 0, ...octets(target)];
      const frame = ipv6(58, message, [], message.length, octets(linkLocalOf(MAC)));
      return [`claim ${target}`, frame] as const;
    };
    const full = (address: string) =>
      rulesOf(MAC, { mode: 'full', addresses6: [parseIpv6(address)!] });
    const frames = [
      ...['2001:db8::23', '2001:db8::24', 'fe80::1', linkLocalOf(MAC)].map(from),
      ...['2001:db8::23', '2001:db8::24', 'fe80::1'].map(claim),
    ];
    await guardEndpoints([{ hostEnd: 'h1', rules: full('2001:db8::23') }]);
    const own = ['2001:db8::23', linkLocalOf(MAC), 'claim 2001:db8::23'];
    expect(await whatPasses(frames, witnesses)).toEqual(own);
    await guardEndpoints([{ hostEnd: 'h1', rules: full('2001:db8::24') }]);
    const next = ['2001:db8::24', 'claim 2001:db8::24'];
    expect(await whatPasses([from('2001:db8::24'), claim('2001:db8::24')], witnesses)).toEqual(
      next,
    );
    row.seen = 'only its own pass as source and in advertisements; the next one from the change on';
    row.leftovers = 0;
  });

  test('may be anybody with guard=off, but no DHCP server where servers are named', async () => {
    const rules = rulesOf(MAC, { mode: 'off', noServer: true });
    await guardEndpoints([{ hostEnd: 'h1', rules }]);
    const frames = [
      ['a server', ipv4(17, udp(67, 68))],
      ['another MAC', ethernet(0x88b5, [7], other, macOf('02:00:00:00:00:77'))],
    ] as const;
    expect(await whatPasses(frames, witnesses)).toEqual(['another MAC']);
  });

  test('is no DHCP server with guard=off behind tags either, and may tag all else', async () => {
    const row = outcome('C', 'guard=off with dhcp_server=: DHCP answers behind priority tags');
    const to = macOf(NEIGHBOUR);
    const behind = (frame: readonly number[], ...types: number[]) => [
      ...frame.slice(0, 12),
      ...types.flatMap((type) => [...half(type), 0, 0]),
      ...frame.slice(12),
    ];
    const server = ethernet(0x0800, ipv4(17, udp(67, 68, dhcp(to))).slice(14), to);
    const stacks = [[], [0x8100], [0x8100, 0x8100], [0x88a8, 0x8100], [0x8100, 0x8100, 0x8100]];
    const answers = stacks.map((types) => [types.join(), behind(server, ...types)] as const);
    // What our client and other listeners hear in the neighbour. The kernel removes tags without a
    // VLAN, one after the other.
    const heard: { ours: string[]; others: string[] } = { ours: [], others: [] };
    const place = { link: 'eth0', netnsPath: neighbour.path };
    const onError = (error: Error) => expect.fail(error.message);
    const onFrame = (frame: Uint8Array) => void heard.ours.push(hex(frame));
    const lease = openLeaseSocket(place, NEIGHBOUR, { onFrame, onError });
    lease.listen();
    const plain = openPacketSocket({
      ...{ ...place, promiscuous: false, protocol: 'ipv4', filter: dhcpClientFilter(NEIGHBOUR) },
      ...{ onFrame: (frame) => heard.others.push(hex(frame)), onError },
    });
    sockets.push(plain);
    try {
      await guardEndpoints([{ hostEnd: 'h1', rules: rulesOf(MAC, { mode: 'off' }) }]);
      await whatPasses(answers, witnesses);
      // If no servers are named, all frames arrive. Our client accepts only answers without tags,
      // which every switch on the way could check.
      await until('the answers are here', () => heard.others.length >= answers.length);
      expect(heard.others).toHaveLength(answers.length);
      expect(heard.ours).toEqual([hex(server), hex(server)]);
      const rules = rulesOf(MAC, { mode: 'off', noServer: true });
      await guardEndpoints([{ hostEnd: 'h1', rules }]);
      const tagged = ethernet(0x0800, ipv4(17, udp(4000, 53)).slice(14), macOf(NEIGHBOUR));
      await whatPasses([...answers, ['no DHCP', behind(tagged, 0x8100, 0x8100)]], witnesses);
      expect([heard.ours.length, heard.others.length]).toEqual([2, answers.length]);
      row.seen = `${stacks.length} stacks of tags sent, 0 arrived`;
      row.leftovers = 0;
    } finally {
      lease.close();
    }
  });

  test('cannot be guarded once its port is gone, and that is no trouble', async () => {
    await removeEndpointLink('h1');
    expect(await guardEndpoints([{ hostEnd: 'h1', rules: rulesOf(MAC) }])).toEqual([]);
  });
});

test('what was being made when we were killed is known by its group and removed, and nothing else', async () => {
  const row = outcome('F', 'killed between making a link and marking it');
  const before = linkNames();
  ip('link add name h9 group 1986814318 type veth peer name c9 group 1986814318');
  ip('link add link eth1 name eth1.9 group 1986814318 type vlan id 9');
  ip('link add name br9 group 1986814318 type bridge');
  ip('link add name mine0 group 5 type dummy');
  expect([...(await removeUnfinishedLinks())].sort()).toEqual(['br9', 'c9', 'eth1.9', 'h9']);
  expect(linkNames()).toEqual([...before, 'mine0'].sort());
  row.seen = 'veth, VLAN link and bridge removed at the next start';
  row.leftovers = 0;
});
