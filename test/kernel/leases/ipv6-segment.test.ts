/**
 * A dual-stack client on a segment whose firewall queries MLD. Bridges that snoop then pass a group
 * only to ports that have joined it. A server's question for the client's address is such a frame.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { duplicateAddressProbe } from '../../../plugin/ndp/packets.ts';
import { openPacketSocket, type PacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import { duidOfMac, iaidOfMac } from '../../../plugin/vocabulary/ipv6/duid.ts';
import { LeaseSite, ENDS, MAC, subject } from '../../support/lab/lease-site.ts';
import { ip6, mac } from '../../support/frames/messages.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import { ip, until } from '../../support/lab/netns.ts';

recordOutcomes();

const EVERYTHING = [{ code: 0x06, jt: 0, jf: 0, k: 0x40000 }];
const SIX = {
  mode: 'auto',
  routersOn: 'br0',
  duid: duidOfMac(MAC),
  iaid: iaidOfMac(MAC),
  wishedAddress: undefined,
} as const;

let site: LeaseSite;
let sockets: PacketSocket[] = [];

beforeEach(async () => {
  site = await LeaseSite.make();
});
afterEach(async () => {
  for (const socket of sockets) socket.close();
  sockets = [];
  await site.dispose();
});

/** The far host is a switch with a querier, which waits 0.1 s for reports. */
async function serveBehindQuerier(): Promise<void> {
  const far = `-n ${site.farName}`;
  ip(`${far} addr flush dev port1`);
  // A query each second, at the start and later. The units are 10 ms.
  const often = 'mcast_startup_query_interval 100 mcast_query_interval 100';
  const querier = `mcast_snooping 1 mcast_query_response_interval 10 ${often} mcast_querier 1`;
  ip(`${far} link add lan type bridge ${querier}`);
  ip(`${far} link set lan address 02:00:00:00:00:fe up`);
  ip(`${far} link set port1 master lan`);
  ip(`${far} addr add 10.50.0.1/24 dev lan`);
  ip(`${far} addr add 2001:db8:500::1/64 dev lan nodad`);
  await site.startServer(/DHCPv6, sockets bound|router advertisement on/i, [
    ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--no-ping'],
    ...['--bind-interfaces', '--interface=lan', '--user=root', '--pid-file='],
    ...['--log-facility=-', '--dhcp-authoritative', '--log-dhcp', '--enable-ra'],
    `--dhcp-leasefile=${site.folder}/leases`,
    '--dhcp-range=10.50.0.100,10.50.0.150,255.255.255.0,1h',
    '--dhcp-range=2001:db8:500::100,2001:db8:500::1ff,64,1h',
  ]);
}

const hex = (frame: Uint8Array) => Buffer.from(frame).toString('hex');

function open(link: string, netnsPath?: string, onFrame: (frame: Uint8Array) => void = () => {}) {
  const socket = openPacketSocket({
    ...{ link, netnsPath, filter: EVERYTHING, promiscuous: true, protocol: 'ipv6' },
    onFrame,
    onError: () => undefined,
  });
  sockets.push(socket);
  return socket;
}

test('a DHCPv6 lease comes although the bridge passes groups only to those who joined', async () => {
  const row = outcome('IPv6', 'an MLD querier on the VLAN, a server that asks for the client');
  await serveBehindQuerier();
  const speaker = open('port1', `/run/netns/${site.farName}`);
  // A question for an address that nobody has joined, and behind it a frame to everybody.
  const stranger = duplicateAddressProbe(mac('02:00:00:00:00:ee'), ip6('fe80::dead:beef'));
  const question = encodeNdpFrame(stranger);
  const mark = Uint8Array.from([...Array<number>(6).fill(255), 2, 0, 0, 0, 0, 0xee, 0x88, 0xb5]);
  const seen = { questions: 0, marks: 0 };
  open(ENDS.containerEnd, undefined, (frame) => {
    if (hex(frame).startsWith(hex(question))) seen.questions += 1;
    if (hex(frame).startsWith(hex(mark))) seen.marks += 1;
  });
  let asked = 0;
  do {
    asked += 1;
    seen.questions = 0;
    speaker.send(question);
    speaker.send(mark);
    await until('the frame to everybody comes', () => seen.marks >= asked);
  } while (seen.questions > 0);
  await site.acquire(subject({}, { ipv6: SIX, acd: 'fast' }));
  const client = site.leases.ipv6('endpoint')!;
  await until('the lease of the server is there', () => client.terms.lease !== undefined);
  expect(client.terms.address?.address).toMatch(/^2001:db8:500::1[0-9a-f]{2}$/);
  row.seen = `${client.terms.address?.address}, after a question for another was kept back`;
  row.leftovers = 0;
});
