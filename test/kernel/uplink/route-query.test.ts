/** The way to a hub, as the kernel tells it: the same as `ip route get` says. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { underlayLimit } from '../../../plugin/uplink/kernel/path-routes.ts';
import { wayTo } from '../../../plugin/uplink/kernel/route-query.ts';
import { ways } from '../../../plugin/uplink/kernel/ways.ts';
import { enterSandbox, run, type Sandbox, type TestNamespace } from '../../support/lab/netns.ts';
import { batch, inside } from '../../support/uplink/tunnel-site.ts';

let sandbox: Sandbox;
let host: TestNamespace;

beforeAll(() => {
  sandbox = enterSandbox();
  host = sandbox.addNamespace();
  host.run(() => run('sh', ['-c', 'echo 0 > /proc/sys/net/ipv6/conf/all/accept_dad']));
  batch(host, [
    'link add wan type veth peer name other',
    'link set wan mtu 1492 up',
    'link set other up',
    'address add 192.0.2.2/24 dev wan',
    'address add 2001:db8::2/64 dev wan nodad',
    'route add default via 192.0.2.1',
    'route add 203.0.113.0/24 via 192.0.2.1 mtu 1280',
    'route add unreachable 198.51.100.0/24',
    'route add 2001:db8:1::/64 via 2001:db8::1 mtu 1300',
  ]);
});

afterAll(() => sandbox.dispose());

const way = (address: string) => inside(host, () => wayTo(address));

test('link, router, own address and MTU are those of ip route get', async () => {
  for (const [address, source] of [
    ['203.0.113.10', '192.0.2.2'],
    ['198.18.0.1', '192.0.2.2'],
    ['2001:db8:1::7', '2001:db8::2'],
  ] as const) {
    const said = host.run(() => run('ip', ['-j', '-d', 'route', 'get', address]));
    const [route] = JSON.parse(said) as [
      { gateway: string; prefsrc: string; metrics?: { mtu?: number }[] },
    ];
    expect(route.prefsrc).toBe(source);
    const [link] = JSON.parse(host.run(() => run('ip', ['-j', 'link', 'show', 'wan']))) as [
      { ifindex: number },
    ];
    const found = await way(address);
    expect(found).toMatchObject({ link: link.ifindex });
    expect(found?.mtu).toBe(route.metrics?.find(({ mtu }) => mtu !== undefined)?.mtu);
  }
  expect((await way('203.0.113.10'))?.words).toMatch(/^\d+ c0000201 c0000202$/);
});

test('without a route there is no way, and a name is none', async () => {
  expect(await way('198.51.100.1')).toBeUndefined();
  expect(await way('2001:db8:2::1')).toBeUndefined();
  expect(await way('hub.example.net')).toBeUndefined();
});

test('another own address or router is another way', async () => {
  const to = () => inside(host, () => ways.to('198.18.0.1:51820'));
  const before = await to();
  batch(host, ['route replace default via 192.0.2.9']);
  const after = await to();
  expect(after).not.toBe(before);
  batch(host, ['route replace default via 192.0.2.1']);
  expect(await to()).toBe(before);
});

test('what passes under the tunnel is what the link or the route says, less the headers', async () => {
  const limit = (endpoint: string) => inside(host, () => underlayLimit(endpoint));
  expect(await limit('203.0.113.10:51820')).toBe(1280 - 60);
  expect(await limit('198.18.0.1:51820')).toBe(1492 - 60);
  expect(await limit('[2001:db8:1::7]:51820')).toBe(1300 - 80);
  expect(await limit('198.51.100.1:51820')).toBe(Infinity);
});
