/**
 * What the doctor learns on the wire: a segment with two tags, real servers and routers, and a
 * switch port that drops the MAC of a container.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Doctor, type DoctorDeps } from '../../../plugin/doctor/doctor.ts';
import { SegmentInquiry } from '../../../plugin/leasing/segment/segment-inquiry.ts';
import { probeTrunk } from '../../../plugin/leasing/segment/trunk-probe.ts';
import { surveyIpv6 } from '../../../plugin/leasing/survey/ipv6-survey.ts';
import { readForwarding } from '../../../plugin/net/firewall/nft-forward.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { openArpSocket } from '../../../plugin/net/sockets/arp-socket.ts';
import { openIpv6Socket } from '../../../plugin/net/sockets/ipv6-socket.ts';
import { openLeaseSocket } from '../../../plugin/net/sockets/lease-socket.ts';
import { openTrunkSocket } from '../../../plugin/net/trunk-socket.ts';
import type { NetworkRecord } from '../../../plugin/state/records.ts';
import { LeaseSite, ENDS, MAC } from '../../support/lab/lease-site.ts';
import { createNamespace, ip, run, until, type TestNamespace } from '../../support/lab/netns.ts';
import { NO_SIGHTS } from '../../support/fakes/no-sights.ts';

const FAR_LINK = 'port1.10.500';

let site: LeaseSite;
let rogue: TestNamespace | undefined;
let rogueServer: ChildProcess | undefined;

beforeEach(async () => {
  site = await LeaseSite.make('10.500');
});
afterEach(async () => {
  const ended = rogueServer && new Promise((resolve) => rogueServer?.once('exit', resolve));
  rogueServer?.kill();
  await ended;
  rogue?.delete();
  [rogue, rogueServer] = [undefined, undefined];
  await site.dispose();
});

const network = (vlan: '10.500' | '10.502', ipv6?: 'dhcp'): NetworkRecord =>
  ({
    ...{ id: vlan, internal: false, vlanLink: `eth1.${vlan}`, outerLink: 'eth1.10ad', mtu: 1496 },
    options: {
      ...{ parent: 'eth1', vlan, mode: 'bridge', bridge: 'br0', ipv4: true, ipv6 },
      ...{ dhcpServers: [], dhcpDeny: [] },
    },
  }) as unknown as NetworkRecord;

async function look(...networks: readonly NetworkRecord[]): Promise<readonly string[]> {
  const { clock, log } = site;
  const base = { clock, log, openSocket: openLeaseSocket };
  const inquiry = new SegmentInquiry({ ...base, openArpSocket });
  const disguised = new SegmentInquiry({
    ...base,
    openArpSocket: (place, ...more) => openArpSocket({ ...place, promiscuous: true }, ...more),
  });
  const random = Math.random;
  const terms = { gateway: '10.50.0.1', serverId: '10.50.0.1' };
  const endpoint = { networkId: '10.500', mac: MAC, hostEnd: ENDS.hostEnd, lease: terms };
  const deps = {
    ...{ clock, isComplete: true, host: linuxHost, inquiry, unanswered: () => undefined },
    registry: {
      ...{ networks: () => networks, leases: () => [], findScope: () => undefined },
      endpoints: () => [endpoint],
    },
    probe: (question: Parameters<DoctorDeps['probe']>[0]) =>
      probeTrunk({ clock, random, openTrunkSocket }, question),
    survey: (from: Parameters<DoctorDeps['survey']>[0]) =>
      surveyIpv6({ clock, random, openIpv6Socket }, from),
    sights: {
      ...NO_SIGHTS,
      forwarding: readForwarding,
      asContainer: disguised.wearer.bind(disguised),
    },
  };
  const findings = await new Doctor(deps as unknown as DoctorDeps).look(undefined);
  return findings
    .filter(({ check }) => !['clock', 'disk', 'state'].includes(check))
    .map(({ level, text }) => `${level} ${text}`);
}

/** @param slaac `slaac,`: the router also tells the prefix for addresses. */
const servesIpv6 = (prefix: string, slaac = '') => [
  ...['--enable-ra', `--dhcp-range=${prefix}::100,${prefix}::1ff,${slaac}64,1h`],
];

test('a segment with two tags: what is healthy is seen, and what is wrong is named', async () => {
  const far = `-n ${site.farName}`;
  ip(`${far} addr add 2001:db8:500::1/64 dev ${FAR_LINK} nodad`);
  await isReady(site.farName, FAR_LINK);
  await site.startDnsmasq(...servesIpv6('2001:db8:500'));
  const healthy = await look(network('10.500', 'dhcp'));
  expect(healthy).toEqual([
    expect.stringMatching(/^ok no table of nftables /),
    'ok VLAN 10.500 of eth1: server 10.50.0.1 offers an address',
    expect.stringMatching(
      /^ok VLAN 10\.500 of eth1: router fe80::\S+ tells no prefix; DHCPv6 server fe80::\S+ offers an address$/,
    ),
    'ok VLAN 10.500 of eth1: 10.50.0.1 answers the MAC of eth1, and those of containers',
  ]);

  await addRogue(far);
  run('ip', [
    ...['netns', 'exec', site.farName, 'nft'],
    `table netdev port { chain in { type filter hook ingress device port1 priority 0; ether saddr ${MAC} drop; }; }`,
  ]);
  const broken = await look(network('10.500', 'dhcp'), network('10.502'));
  expect(broken.slice(1)).toEqual([
    'ok VLAN 10.500 of eth1: server 10.50.0.1 offers an address',
    'fail VLAN 10.502 of eth1: no DHCP server answers, and on VLAN 10.500 one does: the tag is probably wrong',
    expect.stringMatching(/^warn VLAN 10\.500 of eth1: 2 routers tell different things: /),
    expect.stringMatching(
      /^warn VLAN 10\.500 of eth1: 2 DHCPv6 servers offer addresses: fe80::\S+ \(\S+\) and fe80::/,
    ),
    `warn VLAN 10.500 of eth1: 10.50.0.1 answers the MAC of eth1, and not ${MAC} of a container: other MACs do not pass`,
  ]);
});

/** A router speaks from its link-local address, which the kernel proves unused first. */
async function isReady(namespace: string, link: string): Promise<void> {
  const shown = () => ip(`-n ${namespace} -6 -o addr show dev ${link} scope link`);
  await until('its address is proven', () => /fe80/.test(shown()) && !/tentative/.test(shown()));
}

/** Another host on the segment, with a router and a DHCPv6 server of its own. */
async function addRogue(far: string): Promise<void> {
  rogue = createNamespace();
  ip(`${far} link add rogue link ${FAR_LINK} type macvlan mode bridge`);
  ip(`${far} link set rogue netns ${rogue.name}`);
  ip(`-n ${rogue.name} link set rogue up`);
  ip(`-n ${rogue.name} addr add 2001:db8:666::1/64 dev rogue nodad`);
  await isReady(rogue.name, 'rogue');
  const child = spawn('ip', [
    ...['netns', 'exec', rogue.name, 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null'],
    ...['--port=0', '--bind-interfaces', '--interface=rogue', '--user=root', '--pid-file='],
    ...['--log-facility=-', `--dhcp-leasefile=${site.folder}/rogue`],
    ...servesIpv6('2001:db8:666', 'slaac,'),
  ]);
  rogueServer = child;
  let printed = '';
  child.stderr.on('data', (part) => (printed += String(part)));
  await until('the other server serves', () => /router advertisement on/i.test(printed));
}
