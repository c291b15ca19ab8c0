/**
 * How a tunnel comes back, with the real programs: after a cut, in another network, after a reboot
 * of the member and of the hub. The times are shown. How many tries they take is in
 * `unit/uplink/return.test.ts`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { proves } from '../../support/uplink/acceptance.ts';
import { until } from '../../support/lab/netns.ts';
import { outcome, recordOutcomes, type Outcome } from '../../support/lab/outcomes.ts';
import { UplinkSite } from '../../support/uplink/uplink-site.ts';

recordOutcomes();
const CONTAINER = '10.50.0.201';
let site: UplinkSite;

beforeAll(async () => {
  site = new UplinkSite([500]);
  site.addCafe();
  site.vlandhcp('hub', 'hub init --site hq --trunk eth1 --endpoint 203.0.113.10');
  await site.service('hub', 'hub');
  await site.service('remote', 'uplink');
  const { stdout } = site.vlandhcp('hub', 'hub invite laptop --vlans 500');
  expect(site.vlandhcp('remote', 'uplink join', stdout.split('\n').at(-2)).status).toBe(0);
  addContainer();
  expect(site.pings('site', CONTAINER)).toBe(true);
});
afterAll(() => site.dispose());
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${site.log.slice(-6_000)}\n`);
});

/** The VLAN link of a network. What answers is the host itself. */
function addContainer(): void {
  site.ip('remote', 'link add link uplink0 name uplink0.500 type vlan id 500');
  site.ip('remote', `addr add ${CONTAINER}/24 dev uplink0.500`);
  site.ip('remote', 'link set dev uplink0.500 up');
}

/**
 * Does what breaks the way, and then what mends it, while the site pings the container. Fills in
 * how long it takes from then on until a ping is answered.
 */
async function broken(row: Outcome, breaks: () => unknown, mends: () => unknown): Promise<void> {
  const ping = spawn('ip', [
    ...['netns', 'exec', site.ns('site'), 'stdbuf', '-oL'],
    ...['ping', '-n', '-D', '-i', '0.05', '-W', '1', CONTAINER],
  ]);
  let text = '';
  ping.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const answers = () =>
    [...text.matchAll(/^\[(\d+\.\d+)\] \d+ bytes/gm)].map(([, at]) => Number(at) * 1000);
  try {
    await until('a ping is answered', () => answers().length > 0);
    await breaks();
    const lastBefore = answers().at(-1) ?? 0;
    const mendedAt = Date.now();
    await mends();
    const back = () => answers().find((at) => at > mendedAt);
    await until('a ping is answered again', () => back() !== undefined);
    row.mendMs = (back() ?? NaN) - mendedAt;
    row.seen = `no answer for ${Math.round((back() ?? NaN) - lastBefore)} ms`;
  } finally {
    const ended = once(ping, 'exit');
    ping.kill();
    await ended;
  }
}

const hasCarrier = () => site.links('remote')['uplink0']?.up === true;
const linksOf = (name: string) => Object.keys(site.links(name)).sort();

/** What a reboot takes. The disk stays. */
const POWER_CUT = {
  hub: async (): Promise<void> => {
    await site.kill('hub');
    const own = linksOf('hub').filter((name) => !['lo', 'eth1', 'wan'].includes(name));
    for (const name of own) site.tried('hub', `ip link del dev ${name}`);
    site.exec('hub', 'nft flush ruleset');
  },
  remote: async (): Promise<void> => {
    await site.kill('remote');
    for (const name of ['uplink0', 'wg-uplink0']) site.ip('remote', `link del dev ${name}`);
    site.exec('remote', 'nft flush ruleset');
    site.ip('remote', 'route flush type blackhole');
  },
};

async function remoteBoots(): Promise<void> {
  await site.service('remote', 'uplink');
  await until('there is a trunk', () => 'uplink0' in site.links('remote'));
  addContainer();
}

test('after a cut the same links carry frames again', async () => {
  const before = site.links('remote');
  await broken(
    outcome('U', 'uplink: the way to the hub is cut until it is noticed'),
    async () => {
      site.ip('nat', 'link set dev wan down');
      await until('no carrier', () => !hasCarrier());
    },
    () => {
      site.ip('nat', 'link set dev wan up');
      site.ip('nat', 'route add default via 198.51.100.1');
    },
  );
  expect(site.links('remote')).toEqual(before);
});

test.each([
  ['another network', 'eth0', 'eth1', '192.168.9.1'],
  ['the network of before', 'eth1', 'eth0', '192.168.7.1'],
])('in %s the hub hears at once where the member is', async (what, from, to, gateway) => {
  const { uplink0 } = site.links('remote');
  await broken(
    outcome('U', `uplink: the member goes to ${what}`),
    () => site.ip('remote', `link set dev ${from} down`),
    () => {
      site.ip('remote', `link set dev ${to} up`);
      site.ip('remote', `route add default via ${gateway}`);
    },
  );
  expect(site.links('remote')['uplink0']).toEqual(uplink0);
});

test('links that somebody removed are made again', async () => {
  const links = linksOf('remote');
  await broken(
    outcome('U', 'uplink: somebody removes both links of the member'),
    () => {
      for (const name of ['uplink0', 'wg-uplink0']) site.ip('remote', `link del dev ${name}`);
    },
    async () => {
      await until('there is a trunk', () => 'uplink0' in site.links('remote'));
      addContainer();
    },
  );
  expect(linksOf('remote')).toEqual(links);
});

test('a member that was rebooted has the same links, from its own disk', async () => {
  const before = site.exec('remote', 'cat /sys/class/net/uplink0/address');
  const links = linksOf('remote');
  await broken(outcome('U', 'uplink: the member is rebooted'), POWER_CUT.remote, remoteBoots);
  expect(site.exec('remote', 'cat /sys/class/net/uplink0/address')).toBe(before);
  expect(linksOf('remote')).toEqual(links);
});

test('a hub that was rebooted has its members again, who do nothing for it', async () => {
  const [before, links] = [site.links('remote'), linksOf('hub')];
  await broken(outcome('U', 'uplink: the hub is rebooted'), POWER_CUT.hub, () =>
    site.service('hub', 'hub'),
  );
  expect(linksOf('hub')).toEqual(links);
  expect(site.links('remote')).toEqual(before);
});

test.each([
  ['hub', 'day-hub-first'],
  ['member', 'day-member-first'],
])(
  'hub and member that were rebooted, the %s first, are back by themselves',
  async (first, key) => {
    const links = [linksOf('hub'), linksOf('remote')];
    const starts = [() => site.service('hub', 'hub'), remoteBoots];
    if (first === 'member') starts.reverse();
    const row = outcome('U', `uplink: hub and member are rebooted, the ${first} first`);
    await broken(
      row,
      async () => {
        await POWER_CUT.hub();
        await POWER_CUT.remote();
      },
      async () => {
        for (const start of starts) await start();
      },
    );
    expect([linksOf('hub'), linksOf('remote')]).toEqual(links);
    proves(key, row.seen ?? '?', `${((row.mendMs ?? NaN) / 1000).toFixed(1)} s`);
  },
);
