/**
 * Attacks on IPv6 with real frames, against the plugin as a process. Whatever is sent, IPv4 starts,
 * and nothing is left behind. `test.fails` marks what the code does not hold yet: such a test turns
 * red once it does, and `.fails` is to go.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { encodeNdpFrame, type NdpFrame } from '../../../plugin/ndp/frame.ts';
import { INFINITE_LIFETIME } from '../../../plugin/ndp/options.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { linkLocalOf, parseIpv6 } from '../../../plugin/wire/address6.ts';
import { parseMac } from '../../../plugin/wire/address.ts';
import {
  createNamespace,
  ip,
  linkNames,
  run,
  until,
  type TestNamespace,
} from '../../support/lab/netns.ts';
import { PluginSite } from '../../support/lab/plugin-site.ts';
import { advertisement, prefix } from '../../unit/ndp/ndp-messages.ts';

/** A host of VLAN 500 that sends what it likes. */
const EVIL = 'evil.500';
const MAC = '02:00:00:00:05:01';
const FOREVER = { validLifetime: INFINITE_LIFETIME, preferredLifetime: INFINITE_LIFETIME };

interface Box {
  readonly id: string;
  readonly namespace: TestNamespace;
  readonly address: string;
  readonly address6: string;
}

let site: PluginSite;
let links: string[];
let network: string | undefined;
let boxes: Box[] = [];
let made = 0;
/** How long the log was when the network was made. */
let since = 0;
let timer: ReturnType<typeof setInterval> | undefined;

beforeAll(async () => {
  site = await PluginSite.start();
  site.plug('eth1');
  site.plug('evil', '02:00:00:00:00:ee');
  ip('link add link evil name evil.500 type vlan id 500');
  ip('link set evil.500 up');
  links = linkNames();
});

afterEach(async () => {
  clearInterval(timer);
  for (const { id, namespace } of boxes) {
    const which = { NetworkID: network, EndpointID: id };
    await site.plugin.call('NetworkDriver.Leave', which);
    await site.plugin.call('NetworkDriver.DeleteEndpoint', which);
    namespace.delete();
  }
  boxes = [];
  await site.plugin.call('NetworkDriver.DeleteNetwork', { NetworkID: network });
  expect(linkNames()).toEqual(links);
});

afterAll(() => site.dispose());

const send = (...frames: NdpFrame[]) =>
  linuxHost.sendInto(
    EVIL,
    frames.map((frame) => encodeNdpFrame(frame)),
  );

/** Sends at once and then again and again, until the test ends. */
function keepSending(next: () => NdpFrame, everyMs = 20): void {
  send(next());
  timer = setInterval(() => send(next()), everyMs);
}

async function create(options: Readonly<Record<string, string>>): Promise<void> {
  since = site.plugin.log.length;
  network = await site.network({ parent: 'eth1', vlan: '500', ipv6: 'auto', ...options });
}

/** Does what dockerd and libnetwork do for a container with IPv6. */
async function start(mac = ''): Promise<Box> {
  made += 1;
  const id = (made + 0x20000000).toString(16).padEnd(64, '0');
  const which = { NetworkID: network, EndpointID: id, Options: {} };
  const answer = await site.plugin.call('NetworkDriver.CreateEndpoint', {
    ...which,
    Interface: { Address: '', AddressIPv6: '', MacAddress: mac },
  });
  const { Address: address, AddressIPv6: address6 = '' } = answer['Interface'] as {
    Address: string;
    AddressIPv6?: string;
  };
  const namespace = createNamespace();
  boxes.push({ id, namespace, address, address6 });
  const joined = await site.plugin.call('NetworkDriver.Join', {
    ...which,
    SandboxKey: namespace.path,
  });
  const link = (joined['InterfaceName'] as { SrcName: string }).SrcName;
  ip(`link set ${link} netns ${namespace.name}`);
  const inside = (command: string) => ip(`-n ${namespace.name} ${command}`);
  inside(`link set ${link} name eth0`);
  inside(`addr add ${address} dev eth0`);
  if (address6 !== '') inside(`addr add ${address6} dev eth0 nodad`);
  else namespace.run(() => run('sysctl', ['-qw', 'net.ipv6.conf.eth0.disable_ipv6=1']));
  inside('link set eth0 up');
  return boxes.at(-1)!;
}

const routes = ({ namespace }: Box) => ip(`-n ${namespace.name} -6 route show default`);
const told = (text: string) =>
  site.plugin.log.slice(since).filter(({ msg }) => msg.includes(text)).length;
const isTroubled = () => told('could not be given its IPv6') > 0;

test('routers without number and without end: IPv4 starts, and the log says it once', async () => {
  await create({ ipv6_patience: '0s' });
  let count = 0;
  const servers = Array.from({ length: 30 }, (_, index) => parseIpv6(`2001:db8::${index + 1}`)!);
  keepSending(() => {
    count += 1;
    const options = Array.from({ length: 12 }, (_, index) =>
      prefix(`2001:db8:${count.toString(16)}:${index + 1}::/64`, FOREVER),
    );
    const more = [
      { type: 'mtu', mtu: [0, 68, 1280, 9000][count % 4]! },
      { type: 'rdnss', servers, lifetime: count },
    ] as const;
    return advertisement({ options: [...more, ...options] }, `fe80::${count.toString(16)}`);
  }, 5);
  await start();
  await until('the table is full', () => told('too many routers') > 0);
  await start();
  for (const { address } of boxes) expect(address).toMatch(/^10\.50\.0\./);
  expect(told('too many routers')).toBe(1);
});

// The link of the container has a smaller MTU than the router's.
test('an advertisement that is longer than the MTU of the link', async () => {
  await create({ mtu: '1400' });
  const servers = Array.from({ length: 85 }, (_, index) => parseIpv6(`2001:db8::${index + 1}`)!);
  const options = [prefix('2001:db8:500::/64'), { type: 'rdnss', servers, lifetime: 600 }] as const;
  keepSending(() => advertisement({ options }));
  const box = await start();
  await until('it has a default route', () => routes(box) !== '');
  expect(isTroubled()).toBe(false);
});

// The kernel takes no address of its own as a router.
test("a macvlan link, and a router with the container's own address", async () => {
  await create({ mode: 'macvlan' });
  const forged = advertisement(
    { options: [prefix('2001:db8:500::/64')] },
    linkLocalOf(parseMac(MAC)!),
  );
  const real = advertisement({ options: [prefix('2001:db8:500::/64')] }, 'fe80::1');
  send(real);
  keepSending(() => forged);
  const box = await start(MAC);
  send(real);
  await until('it has a route by the real router', () => routes(box).includes('via fe80::1 '));
  expect(isTroubled()).toBe(false);
});
