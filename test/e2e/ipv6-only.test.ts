/**
 * Networks without IPv4, and addresses that a person chose. On engine 28 Docker's own
 * `--ipv4=false` makes the network, on others `-o ipv4=off`.
 */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { removeAllContainersAndNetworks } from '../support/lab/engine.ts';
import {
  callPlugin,
  docker,
  dockerRefuses,
  lab,
  networkCommand,
  run,
  until,
} from '../support/lab/lab.ts';
import {
  inside,
  OFFICE,
  reaches as reachesFrom,
  shown as shownOf,
} from '../support/modes/ipv6-acceptance.ts';
import { site } from '../support/lab/site.ts';

site({});

const SLAAC = ['--enable-ra', '--dhcp-range=2001:db8:500::,slaac,64,600'];
const STATEFUL = ['--enable-ra', '--dhcp-range=2001:db8:500::100,2001:db8:500::1ff,64,600'];
const FLAGS = process.env['ENGINE'] === '28' ? ['--ipv4=false', '--ipv6'] : [];

beforeAll(async () => {
  await lab('ipv6-up', '500');
});

afterEach(async () => {
  await removeAllContainersAndNetworks(); // while the server still takes their leases back
  await lab('server-down');
});

afterAll(async () => {
  await lab('ipv6-down', '500');
});

/** The flags of engine 28 mean `ipv4=off` and, if nothing else is typed, `ipv6=auto`. */
function create(...options: string[]) {
  const typed = FLAGS.length > 0 ? options : ['ipv4=off', 'ipv6=auto', ...options];
  const [network = '', verb = '', ...rest] = networkCommand('six', [
    ...['parent=eth1', 'vlan=500'],
    ...typed,
  ]);
  return docker(network, verb, ...FLAGS, ...rest);
}

const start = (...wishes: string[]) => docker(...startCommand(...wishes)).then(() => undefined);
const startCommand = (...wishes: string[]) => {
  const options = wishes.map((wish) => `,driver-opt=${wish}`).join('');
  return ['run', '-d', '--name', 'box', '--network', `name=six${options}`, 'bb'];
};
const inBox = (...command: string[]) => inside('box', ...command);
const reaches = (address: string) => reachesFrom('box', address);
/** `IPv4|IPv6`, each empty if Docker shows none. */
const shown = async () => {
  const { ipv4, ipv6 } = await shownOf('box');
  return `${ipv4}|${ipv6}`;
};
const answerTo = async (name: string) =>
  (await run('docker', ['exec', 'box', 'nslookup', '-type=aaaa', name])).stdout;
/** Addresses of the container that are not link-local. */
const addresses = async () => {
  const all = await inBox('ip', '-o', 'addr', 'show', 'dev', 'eth0', 'scope', 'global');
  return [...all.matchAll(/inet6? (\S+)/g)].map(([, address]) => address);
};
const status = async () => {
  const { networks } = (await callPlugin('VlanDhcp.Status', {})) as unknown as {
    networks: readonly { endpoints: readonly object[] }[];
  };
  return networks[0]?.endpoints[0];
};

it('a prefix and token=: that address alone, from the first instruction; the office is reached', async () => {
  await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...SLAAC);
  await create();
  await start('token=::53');
  expect(await shown()).toBe('|2001:db8:500::53');
  await until('the box reaches the office', () => reaches(OFFICE));
  await until('the kernel keeps the address', async () =>
    /::53\/64[^]*valid_lft [0-9]+sec/.test(await inBox('ip', '-6', 'addr', 'show', 'dev', 'eth0')),
  );
  expect(await addresses()).toEqual(['2001:db8:500::53/64']);
  expect(await inBox('ip', '-4', 'route')).toBe('');
  expect(await status()).toMatchObject({
    ...{ isIpv6Only: true, state: 'leased', ipv6: { address: '2001:db8:500::53/64' } },
  });
});

it('ip6=: the server gives it; it stays over kill -9 and a restart, is held, and goes back', async () => {
  await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...STATEFUL);
  await create('release=hold=3s', 'lease_timeout=5s');
  const wishes = ['id=pbx', 'ip6=2001:db8:500::142'];
  await start(...wishes);
  expect(await shown()).toBe('|2001:db8:500::142');
  await until('the box reaches the office', () => reaches(OFFICE));
  await lab('service-kill');
  await lab('service-up');
  await until('the plugin goes on', async () => {
    const now = (await status()) as { state?: string } | undefined;
    return now?.state === 'leased';
  });
  await docker('restart', '-t', '0', 'box');
  expect(await addresses()).toEqual(['2001:db8:500::142/128']);
  expect(await docker('network', 'inspect', '-v', 'six')).not.toContain('10.50.0.');
  await docker('rm', '-f', 'box');
  await start('id=pbx');
  expect(await shown()).toBe('|2001:db8:500::142');
  await docker('rm', '-f', 'box');
  await until('the server has it back', async () => !(await lab('leases')).includes('::142'));
  expect(await dockerRefuses(...startCommand('ip6=2001:db8:77::5'))).toMatch(
    /no DHCPv6 server offered 2001:db8:77::5 on VLAN 500 of eth1/,
  );
});

it('no router: refused in one sentence; with on_no_server=late the address comes later', async () => {
  await lab('server-up', 'dnsmasq-no-ping', '500');
  await create('lease_timeout=1s');
  expect(await dockerRefuses(...startCommand())).toMatch(
    /no router advertised itself on VLAN 500 of eth1 in [0-9.]+ s: asked from [0-9a-f:]+, no router heard; check/,
  );
  await docker('rm', '-f', 'box');
  await docker('network', 'rm', 'six');
  await create('lease_timeout=1s', 'on_no_server=late');
  await start();
  expect(await shown()).toBe('|');
  await lab('server-down');
  await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...SLAAC);
  await until('the box reaches the office', () => reaches(OFFICE));
});

it('dns=lease: a name that only the DNS server of the DHCPv6 lease knows, and that of a container', async () => {
  const ofVlan = ['--port=53', '--no-resolv', '--no-hosts', '--address=/app.vlan/2001:db8:77::9'];
  const server = ['--dhcp-option=option6:dns-server,[2001:db8:500::1]', ...ofVlan];
  await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...STATEFUL, ...server);
  const asked = '2001:db8:99::53'; // nobody answers there
  await create('dns=lease', `dns_instead_of=${asked}`);
  await docker('run', '-d', '--name', 'other', '--net=six', 'bb');
  await docker('run', '-d', '--name', 'box', '--net=six', '--dns', asked, 'bb');
  const { ipv6: other } = await shownOf('other');
  await until('the box knows app.vlan', async () =>
    (await answerTo('app.vlan')).includes('2001:db8:77::9'),
  );
  // Engine 20.10 names the server in the container's resolv.conf, and nslookup asks both.
  if (process.env['ENGINE'] !== '20') expect(await answerTo('other')).toContain(other);
});
