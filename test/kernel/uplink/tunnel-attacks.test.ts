/**
 * What a hostile member, and somebody on the Internet, do to a hub. Each attack is stopped by a
 * rule with a counter. Where a rule stands alone between the attack and the VLAN, the test takes
 * the rule away, too, and the frames arrive.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { proves } from '../../support/uplink/acceptance.ts';
import { openPacketSocket, type PacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import {
  broadcast,
  dhcp,
  ethernet,
  half,
  ipv4,
  ipv6,
  mac,
  udp,
} from '../../support/frames/guard-frames.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import { run, until, type TestNamespace } from '../../support/lab/netns.ts';
import {
  batch,
  counted,
  FIRST_VNI,
  HUB_TUNNEL,
  HUB_WAN,
  pings,
  TunnelSite,
} from '../../support/uplink/tunnel-site.ts';

recordOutcomes();

const EVERYTHING = [{ code: 0x06, jt: 0, jf: 0, k: 0x40000 }];
let site: TunnelSite;
const sockets: PacketSocket[] = [];

beforeAll(() => {
  site = new TunnelSite();
  // iptables would drop bridged packets with an invented checksum, and the rules are tested here.
  for (const family of ['arp', 'ip', 'ip6']) {
    const setting = `/proc/sys/net/bridge/bridge-nf-call-${family}tables`;
    site.hub.run(() => run('sh', ['-c', `[ ! -e ${setting} ] || echo 0 > ${setting}`]));
  }
});

beforeEach(() => site.up({ laptop: [500], cloud: [500, 600] }));

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  for (const where of [site.spy, site.members.cloud]) {
    where.run(() => run('sh', ['-c', 'ip link del evil 2>/dev/null || :']));
  }
  await site.clear();
});

afterAll(() => site.dispose());

const ofTunnel = (name: string) => counted(site.hub, 'inet', 'vlandhcp_vdhub', name);
const ofPorts = (name: string) => counted(site.hub, 'bridge', 'vlandhcp_vdhub', name);

/** What arrives at the link from that MAC, as hex. */
function tap(where: TestNamespace, link: string) {
  const seen: string[] = [];
  const socket = openPacketSocket({
    ...{ link, netnsPath: where.path, filter: EVERYTHING, promiscuous: true, protocol: 'ipv4' },
    receiveBufferBytes: 4 * 1024 * 1024,
    onFrame: (frame) => {
      const text = Buffer.from(frame).toString('hex');
      if (text.slice(12, 24) === Buffer.from(mac).toString('hex')) seen.push(text);
    },
    onError: () => undefined,
  });
  sockets.push(socket);
  return { socket, seen };
}

/** The kernel drops a tagged frame with less than two bytes of payload. So these have more. */
const plain = (number: number, to = broadcast) =>
  ethernet(0x88b5, [number, ...new Array<number>(45).fill(0)], to);

let marks = 0;
/** A frame that nobody forbids. It comes last: what has not arrived by then is lost. */
function mark(): number[] {
  marks += 1;
  return ethernet(0x88b5, [...Buffer.from(`mark ${marks}`)], broadcast);
}

/** Sends from a VLAN link of a member, and returns how many arrived on the trunk in that VLAN. */
async function arrive(from: PacketSocket, frames: readonly (readonly number[])[], at: string[]) {
  const before = at.length;
  for (const frame of frames) from.send(Uint8Array.from(frame));
  const last = mark();
  from.send(Uint8Array.from(last));
  await until('the mark arrives', () =>
    at.some((one) => one.startsWith(Buffer.from(last).toString('hex'))),
  );
  return at.length - before - 1;
}

/** A VLAN link on the trunk of a member. */
function vlanLink(where: TestNamespace, trunk: string, vlan: number): string {
  const name = `${trunk}.${vlan}`;
  batch(where, [`link add link ${trunk} name ${name} type vlan id ${vlan}`, `link set ${name} up`]);
  return name;
}

test('a member with the number of another one is stopped by the binding rule, and only by it', async () => {
  const row = outcome('U', "member sends with another member's VXLAN number");
  const { cloud } = site.members;
  await site.ensureHub({ laptop: [500], cloud: [600] });
  const evil = `vxlan id ${FIRST_VNI + 2} local 10.83.41.3 remote ${HUB_TUNNEL} dstport 4790`;
  batch(cloud, [`link add evil type ${evil}`, 'link set evil up']);
  const from = tap(cloud, vlanLink(cloud, 'evil', 500)).socket;
  const { seen } = tap(site.site, 'trunk.500');
  const frames = [1, 2, 3].map((count) => plain(count));
  const before = ofTunnel('binding');
  for (const frame of frames) from.send(Uint8Array.from(frame));
  await until('the rule has counted them', () => ofTunnel('binding') >= before + 3);
  expect(seen).toEqual([]);
  // The test can fail: without the rule the same frames arrive.
  site.hub.run(() => run('nft', ['flush', 'chain', 'inet', 'vlandhcp_vdhub', 'input']));
  expect(await arrive(from, frames, seen)).toBe(3);
  row.seen = '3 frames sent, 0 arrived; without the rule 3';
  row.leftovers = 0;
  proves('attack-binding', row.seen);
});

test('somebody on the Internet without a key gets no frame into a VLAN, at the hub or at a member', async () => {
  const row = outcome('U', 'frames of a VXLAN from the Internet, without a key');
  const evil = `vxlan id ${FIRST_VNI + 2} local 198.51.100.9 remote ${HUB_WAN} dstport 4790`;
  batch(site.spy, [`link add evil type ${evil}`, 'link set evil up']);
  const from = tap(site.spy, vlanLink(site.spy, 'evil', 500)).socket;
  const { seen } = tap(site.site, 'trunk.500');
  const frames = [1, 2, 3].map((count) => plain(count));
  for (const frame of frames) from.send(Uint8Array.from(frame));
  await until('the rule has counted them', () => ofTunnel('outside') >= 3);
  expect(seen).toEqual([]);
  site.hub.run(() => run('nft', ['flush', 'chain', 'inet', 'vlandhcp_vdhub', 'input']));
  expect(await arrive(from, frames, seen)).toBe(3);
  // A neighbour of the laptop behind its NAT, with the number of its trunk.
  const { laptop, cloud } = site.members;
  const near = `vxlan id ${FIRST_VNI + 2} local 192.168.1.3 remote 192.168.1.2 dstport 4790`;
  batch(cloud, [`link add evil type ${near}`, 'link set evil up']);
  tap(cloud, 'evil').socket.send(Uint8Array.from(frames[0]!));
  const atLaptop = () => counted(laptop, 'inet', 'vlandhcp_uplink0', 'outside');
  await until('the rule of the member has counted it', () => atLaptop() >= 1);
  row.seen = '4 frames sent, 0 arrived; without the rule at the hub 3';
  row.leftovers = 0;
  proves('attack-outside', row.seen);
});

test('a member outside its VLANs, untagged, or to the hub itself, has nowhere to go', async () => {
  const { laptop } = site.members;
  const { seen: on600 } = tap(site.site, 'trunk.600');
  const { seen: on500 } = tap(site.site, 'trunk.500');
  const trunk = tap(laptop, 'uplink0').socket;
  for (const count of [1, 2, 3]) trunk.send(Uint8Array.from(plain(count)));
  const wrong = tap(laptop, vlanLink(laptop, 'uplink0', 600)).socket;
  for (const count of [1, 2, 3]) wrong.send(Uint8Array.from(plain(count)));
  const right = tap(laptop, vlanLink(laptop, 'uplink0', 500)).socket;
  expect(await arrive(right, [], on500)).toBe(0);
  expect(on600).toEqual([]);
  // The registrar's port is open to it, and nothing else of the hub is.
  const call = (port: number) =>
    laptop.run(() =>
      run('sh', ['-c', `busybox nc -w 1 ${HUB_TUNNEL} ${port} </dev/null 2>&1 || :`]),
    );
  const refused = ofTunnel('refused');
  expect(call(51821)).toContain('refused'); // nobody listens in this test
  call(22);
  expect(ofTunnel('registrar')).toBeGreaterThan(0);
  expect(ofTunnel('refused')).toBeGreaterThan(refused);
  expect(pings(laptop, HUB_TUNNEL, 1)).toBe(0);
  // The test can fail: without the rules the hub answers.
  site.hub.run(() => run('nft', ['flush', 'chain', 'inet', 'vlandhcp_vdhub', 'input']));
  expect(pings(laptop, HUB_TUNNEL, 1)).toBe(1);
  expect(call(22)).toContain('refused');
  proves('attack-refused', 'ping and port 22: no answer; without the rules both answer');
  proves('attack-other-vlans', '3 frames of VLAN 600 and 3 without a tag: 0 arrived');
  batch(laptop, ['link del uplink0.600', 'link del uplink0.500']);
});

test('two members of one VLAN do not reach each other, by the VLAN or by the tunnel', async () => {
  const row = outcome('U', 'a member attacks another member');
  const [one, other] = [
    await site.container('laptop', 500, '10.50.0.100'),
    await site.container('cloud', 500, '10.50.0.110'),
  ];
  expect(pings(one, '10.50.0.1')).toBe(3);
  expect(pings(other, '10.50.0.1')).toBe(3);
  expect(pings(one, '10.50.0.110')).toBe(0);
  batch(site.hub, ['link set vdu2.500 type bridge_slave isolated off']);
  expect(pings(one, '10.50.0.110')).toBe(3); // the test can fail
  // The next ensure repairs it.
  await site.ensureHub({ laptop: [500], cloud: [500, 600] });
  one.run(() => run('ip', ['neigh', 'flush', 'all']));
  expect(pings(one, '10.50.0.110')).toBe(0);
  // A hostile member lets WireGuard take every address of the tunnel, and the hub forwards.
  const { laptop } = site.members;
  site.hub.run(() => run('sh', ['-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']));
  const key = site.memberDesired('laptop', []).hub.publicKey;
  laptop.run(() => run('wg', ['set', 'wg-uplink0', 'peer', key, 'allowed-ips', '10.83.41.0/24']));
  expect(pings(laptop, '10.83.41.3')).toBe(0);
  expect(ofTunnel('between')).toBeGreaterThanOrEqual(3);
  // Without the rule they come as far as the other member, whose own rule counts them.
  const { cloud } = site.members;
  cloud.run(() => run('wg', ['set', 'wg-uplink0', 'peer', key, 'allowed-ips', '10.83.41.0/24']));
  site.hub.run(() => run('nft', ['flush', 'chain', 'inet', 'vlandhcp_vdhub', 'forward']));
  expect(pings(laptop, '10.83.41.3')).toBe(0);
  expect(counted(cloud, 'inet', 'vlandhcp_uplink0', 'refused')).toBe(3);
  row.seen = 'ping by the VLAN 0 of 3, by the tunnel 0 of 3; not isolated 3 of 3';
  row.leftovers = 0;
  proves('attack-isolated', 'ping 0 of 3; not isolated 3 of 3');
  proves('attack-between', 'ping 0 of 3; without the rule 3 reach the rule of the member');
});

const BPDU = [0x01, 0x80, 0xc2, 0, 0, 0];
const CDP = [0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc];
const RA = [134, 0, 0, 0, 64, 0, 7, 8];
const FORBIDDEN: readonly (readonly [counter: string, frame: readonly number[]])[] = [
  ['dhcp_server', ipv4(17, udp(67, 68, dhcp(mac)))],
  ['dhcp_server', ipv4(17, udp(1067, 68, dhcp(mac)))],
  ['dhcp6_server', ipv6(17, udp(547, 546))],
  ['router_advert', ipv6(58, [...RA, ...new Array<number>(8).fill(0)])],
  // The ports of an answer of a DHCPv6 server are behind options, in the second piece.
  ['hidden', ipv6(44, [60, 0, ...half(1), 0, 0, 0, 1, 17, 0, 0, 0, 0, 0, 0, 0])],
  ['hidden', ipv6(44, [60, 0, ...half(8), 0, 0, 0, 1, ...udp(547, 546)])],
  ['bpdu', ethernet(0x0027, [0x42, 0x42, 3, ...new Array<number>(36).fill(0)], BPDU)],
  ['cisco', ethernet(0x0020, [0xaa, 0xaa, 3, 0, 0, 12, 0x20, 0], CDP)],
  ['tagged', ethernet(0x8100, [...half(0), ...half(0x0800), ...ipv4(17, udp(67, 68)).slice(14)])],
];

/** The rows that these frames prove. */
const STOPPED = [
  ...['attack-dhcp_server', 'attack-dhcp6_server', 'attack-router_advert', 'attack-hidden'],
  ...['attack-bpdu', 'attack-cisco', 'attack-tagged'],
];

test('what only servers, routers and switches send does not come from a member; a request of a client does', async () => {
  const row = outcome('U', 'member acts as DHCP server, router or switch');
  const { laptop } = site.members;
  const from = tap(laptop, vlanLink(laptop, 'uplink0', 500)).socket;
  const { seen } = tap(site.site, 'trunk.500');
  // Two layers stop a BPDU. The filter of the link comes first, so it is taken away here.
  const bpdu = FORBIDDEN.filter(([counter]) => counter === 'bpdu').map(([, frame]) => frame);
  expect([await arrive(from, bpdu, seen), ofPorts('bpdu')]).toEqual([0, 0]);
  const remove = 'tc qdisc del dev vdu2.500 ingress || tc qdisc del dev vdu2.500 clsact';
  site.hub.run(() => run('sh', ['-c', remove]));
  for (const [counter, frame] of FORBIDDEN) {
    const before = ofPorts(counter);
    expect([counter, await arrive(from, [frame], seen)]).toEqual([counter, 0]);
    expect([counter, ofPorts(counter) - before]).toEqual([counter, 1]);
  }
  expect(await arrive(from, [ipv4(17, udp(68, 67, dhcp(mac)))], seen)).toBe(1);
  // The test can fail: without the rules all of them arrive.
  site.hub.run(() => run('nft', ['flush', 'chain', 'bridge', 'vlandhcp_vdhub', 'prerouting']));
  const frames = FORBIDDEN.map(([, frame]) => frame);
  expect(await arrive(from, frames, seen)).toBe(frames.length);
  batch(laptop, ['link del uplink0.500']);
  row.seen = `${frames.length} kinds of frame sent, 0 arrived; without the rules ${frames.length}`;
  row.leftovers = 0;
  for (const key of STOPPED) {
    const sent = FORBIDDEN.filter(([counter]) => key === `attack-${counter}`).length;
    expect([key, sent > 0]).toEqual([key, true]);
    proves(key, `${sent} sent, 0 arrived; without the rule ${sent}`);
  }
});

test('a member sends at most 1,000 broadcast frames a second, and other frames go on', async () => {
  const { laptop } = site.members;
  const from = tap(laptop, vlanLink(laptop, 'uplink0', 500)).socket;
  const { seen } = tap(site.site, 'trunk.500');
  const storm = Uint8Array.from(plain(1));
  const quiet = Uint8Array.from(plain(2, [0x02, 0, 0, 0, 0, 1]));
  await until('the limit has dropped some', () => {
    try {
      for (let count = 0; count < 500; count += 1) from.send(storm);
    } catch {
      // The queue of the socket is full, so the rest of this burst waits.
    }
    return ofPorts('broadcast_2') > 0;
  });
  from.send(quiet);
  await until('a frame to one host arrives', () =>
    seen.some((one) => one.startsWith(Buffer.from(quiet).toString('hex'))),
  );
  const dropped = `${ofPorts('broadcast_2')} dropped`;
  proves(
    'attack-broadcast',
    'over 1,000 a second are dropped; a frame to one host arrives',
    dropped,
  );
  batch(laptop, ['link del uplink0.500']);
});
