/**
 * What an operator sees of an uplink: the events and the metrics of both ends while a host joins,
 * is cut off, comes back and is revoked. Everything is real but the wires. promtool of Prometheus
 * judges the metrics.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { until } from '../../support/lab/netns.ts';
import { root } from '../../support/pages/readme.ts';
import { UplinkSite } from '../../support/uplink/uplink-site.ts';

interface Told {
  readonly id: number;
  readonly at: string;
  readonly type: string;
  readonly text: string;
  readonly [fact: string]: unknown;
}

let site: UplinkSite;
let token = '';

const ROLES = { hub: 'hub', remote: 'uplink' } as const;
type Name = keyof typeof ROLES;

function events(name: Name, more = ''): Told[] {
  const said = site.vlandhcp(name, `${ROLES[name]} events --json${more}`);
  expect(said.stderr).toBe('');
  return JSON.parse(said.stdout) as Told[];
}

/** Without lines of the log: a firewall of the machine may be one. */
function types(name: Name): string[] {
  return events(name)
    .map(({ type }) => type)
    .filter((type) => type !== 'trouble');
}

function last(name: Name, type: string): Told | undefined {
  return events(name).findLast((event) => event.type === type);
}

function metrics(name: Name): string {
  return site.vlandhcp(name, `${ROLES[name]} metrics`).stdout;
}

/** The value of the one series with these labels. Undefined if there is none. */
function sample(name: Name, series: string): number | undefined {
  const found = metrics(name)
    .split('\n')
    .find((line) => line.startsWith(`${series} `));
  return found === undefined ? undefined : Number(found.slice(series.length + 1));
}

beforeAll(async () => {
  site = new UplinkSite();
  const made = site.vlandhcp(
    'hub',
    'hub init --site hq --trunk eth1 --endpoint 203.0.113.10 --subnet 10.83.41.0',
  );
  expect([made.stderr, made.status]).toEqual(['', 0]);
  process.env['HTTP_LISTEN'] = '127.0.0.1:9327';
  try {
    await site.service('hub', 'hub');
  } finally {
    delete process.env['HTTP_LISTEN'];
  }
  await site.service('remote', 'uplink');
  const invited = site.vlandhcp('hub', 'hub invite laptop --vlans 500');
  token = /^vuj1\.\S+$/m.exec(invited.stdout)?.[0] ?? '';
  expect(site.vlandhcp('remote', 'uplink join', `${token}\n`).stderr).toBe('');
});
afterAll(() => site.dispose());
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${site.log.slice(-6_000)}\n`);
});

test('a join is told at both ends, with who, where and which VLANs', () => {
  expect(types('hub')).toEqual(['service.started', 'invitation.made', 'member.joined']);
  expect(last('hub', 'member.joined')).toMatchObject({
    ...{ member: 'laptop', address: '10.83.41.3', vlans: [500], held: false },
    text: expect.stringMatching(
      /^\S+ joined as laptop, 10\.83\.41\.3\. It has VLANs 500\.$/,
    ) as string,
  });
  expect(types('remote').sort()).toEqual(['carrier.up', 'service.started', 'uplink.joined']);
  expect(last('remote', 'uplink.joined')).toMatchObject({
    ...{ uplink: 'uplink0', site: 'hq', address: '10.83.41.3', vlans: [500], held: false },
    text: 'This host joined "hq" as laptop, 10.83.41.3. It has VLANs 500.',
  });
  const line = site.vlandhcp('remote', 'uplink events --type carrier.up').stdout;
  expect(line).toMatch(
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}carrier\.up +uplink0 {2}The carrier of uplink0 is on\.\n$/,
  );
});

test('the metrics of both ends have what the kernel has, and promtool has nothing against them', () => {
  for (const name of ['hub', 'remote'] as const) {
    const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], {
      ...{ input: metrics(name), encoding: 'utf8' },
    });
    expect([name, stdout, stderr, status]).toEqual([name, '', '', 0]);
  }
  expect(sample('remote', 'vlandhcp_uplink_carrier{uplink="uplink0"}')).toBe(1);
  expect(sample('remote', 'vlandhcp_uplink_state{uplink="uplink0",state="up"}')).toBe(1);
  expect(sample('remote', 'vlandhcp_uplink_way{uplink="uplink0",way="udp"}')).toBe(1);
  const handshake = sample(
    'remote',
    'vlandhcp_uplink_last_handshake_timestamp_seconds{uplink="uplink0"}',
  );
  expect(Math.abs(Date.now() / 1000 - (handshake ?? 0))).toBeLessThan(600);
  expect(sample('hub', 'vlandhcp_hub_members{state="member"}')).toBe(1);
  expect(sample('hub', 'vlandhcp_hub_joins_total')).toBe(1);
  expect(sample('hub', 'vlandhcp_hub_member_way{member="laptop",way="udp"}')).toBe(1);
  const ages = 'vlandhcp_hub_member_last_word_age_seconds{member="laptop"}';
  expect(sample('hub', ages)).toBeLessThan(15);
  const received = sample('hub', 'vlandhcp_hub_member_receive_bytes_total{member="laptop"}');
  expect(received).toBeGreaterThan(100);
});

test('the alerts of examples/prometheus are right, and name only metrics that there are', () => {
  const rules = join(root, 'examples/prometheus/uplink-alerts.yaml');
  const said = spawnSync('promtool', ['check', 'rules', '--lint-fatal', rules], {
    encoding: 'utf8',
  });
  expect([said.stderr, said.status]).toEqual(['', 0]);
  const text = readFileSync(rules, 'utf8');
  const named = new Set(text.match(/\bvlandhcp_(hub|uplink)_[a-z_]*[a-z]\b/g));
  expect(named.size).toBeGreaterThan(4);
  const has = metrics('hub') + metrics('remote');
  expect([...named].filter((name) => !has.includes(`\n${name}{`))).toEqual([]);
  // Each fires when it should, and not before.
  const cases = readFileSync(join(root, 'test/fixtures/uplink-alerts.test.yaml'), 'utf8');
  const file = site.file('hub', 'alerts.test.yaml');
  writeFileSync(file, cases.replace('[RULES]', `[${rules}]`));
  const tested = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
  expect([tested.status, tested.stdout.includes('SUCCESS')]).toEqual([0, true]);
  const alerts = text.match(/(?<=- alert: )\w+/g) ?? [];
  expect(alerts.filter((alert) => !cases.includes(`alertname: ${alert}\n        exp_alerts`))).toEqual([]); // prettier-ignore
});

test('a rule that drops is counted: a DHCP server at a member, and who asks the hub for more', async () => {
  const dropped = 'vlandhcp_hub_dropped_packets_total{rule="dhcp_server"}';
  expect(sample('hub', dropped)).toBe(0);
  site.ip('remote', 'link add link uplink0 name uplink0.500 type vlan id 500');
  site.ip('remote', 'link set dev uplink0.500 up');
  site.ip('remote', 'addr add 10.50.0.201/24 dev uplink0.500');
  // As a server would: from port 67.
  const offer = `require('dgram').createSocket('udp4').bind(67,'10.50.0.201',function(){this.setBroadcast(true);this.send('offer',68,'10.50.0.255',()=>process.exit())})`;
  const said = spawnSync(
    'ip',
    ['netns', 'exec', site.ns('remote'), process.execPath, '-e', offer],
    { encoding: 'utf8' },
  );
  expect(said.stderr).toBe('');
  await until('the rule has counted it', () => sample('hub', dropped) === 1);
  const refused = sample('hub', 'vlandhcp_hub_dropped_packets_total{rule="refused"}') ?? NaN;
  site.pings('remote', '10.83.41.1');
  expect(sample('hub', 'vlandhcp_hub_dropped_packets_total{rule="refused"}')).toBeGreaterThan(
    refused,
  );
});

test('the TCP port tells the same, and only to who may ask', () => {
  const asks = (path: string, host = '127.0.0.1') =>
    site.tried(
      'hub',
      `${process.execPath} -e require('http').get({port:9327,host:'127.0.0.1',path:'${path}',headers:{host:'${host}'}},(r)=>{process.stdout.write(r.statusCode+'_');r.pipe(process.stdout)})`,
    ).stdout;
  expect(asks('/metrics')).toMatch(/^200_[^]*^vlandhcp_hub_members\{state="member"\} 1$/m);
  expect(asks('/v1/events?type=member.joined')).toMatch(/^200_\{.*"member":"laptop".*\}\n$/);
  expect(asks('/v1/list')).toMatch(/^404_.*it has \/metrics, \/v1\/events/);
  expect(asks('/v1/events?type=unknown')).toMatch(/^400_.*type=unknown is not a type of event/);
  expect(asks('/metrics', 'evil.example')).toMatch(/^421_/);
});

test('the token a second time is told at the hub, with who has used it', async () => {
  await site.service('other', 'uplink');
  const again = site.vlandhcp('other', 'uplink join', `${token}\n`);
  expect(again.status).toBe(1);
  expect(last('hub', 'token.used-again')).toMatchObject({
    member: 'laptop',
    text: expect.stringMatching(
      /^The token of laptop came a second time\. .+ has used it\.$/,
    ) as string,
  });
  expect(sample('hub', 'vlandhcp_hub_refusals_total{reason="token-used"}')).toBe(1);
  const failed = JSON.parse(site.vlandhcp('other', 'uplink events --json').stdout) as Told[];
  expect(failed.find(({ type }) => type === 'uplink.join-failed')).toMatchObject({
    ...{ reason: 'refused', uplink: 'uplink0' },
  });
  await site.kill('other');
});

test('a cut is told at both ends, and so is the return, as it happens', async () => {
  const follower = site.start(
    ...(['remote', process.execPath, site.bundle] as const),
    ...['uplink', 'events', '--follow', '--json', '--since', '1s'],
  );
  let followed = '';
  follower.stdout?.on('data', (chunk: Buffer) => (followed += chunk.toString()));
  site.ip('nat', 'link set dev wan down');
  await until('the hub misses it', () => types('hub').includes('member.silent'));
  await until('it misses the hub', () => types('remote').includes('carrier.down'));
  expect(types('remote')).toContain('uplink.silent');
  expect(sample('remote', 'vlandhcp_uplink_carrier{uplink="uplink0"}')).toBe(0);
  expect(sample('remote', 'vlandhcp_uplink_state{uplink="uplink0",state="silent"}')).toBe(1);
  expect(sample('remote', 'vlandhcp_uplink_last_word_age_seconds{uplink="uplink0"}')).toBeGreaterThan(9); // prettier-ignore
  expect(sample('hub', 'vlandhcp_hub_member_silences_total{member="laptop"}')).toBe(1);
  site.ip('nat', 'link set dev wan up');
  site.ip('nat', 'route add default via 198.51.100.1');
  await until('it is back', () => types('remote').at(-1) === 'carrier.up' || types('remote').includes('uplink.back')); // prettier-ignore
  await until('the hub hears it', () => types('hub').includes('member.back'));
  expect(last('hub', 'member.back')?.['silentMs']).toBeGreaterThan(9_000);
  await until('the follower has both', () => followed.includes('"carrier.up"'));
  const seen = followed.trim().split('\n').map((line) => (JSON.parse(line) as Told).type); // prettier-ignore
  expect(seen).toEqual(expect.arrayContaining(['uplink.silent', 'carrier.down', 'uplink.back']));
  follower.kill();
});

test('a link that somebody removed is made again, and that is told and counted', async () => {
  site.ip('remote', 'link del dev uplink0');
  await until('it is repaired', () => types('remote').includes('links.repaired'));
  expect(sample('remote', 'vlandhcp_uplink_link_repairs_total{uplink="uplink0"}')).toBe(1);
});

test('what an operator changes is told at both ends: VLANs, and a new key', async () => {
  site.vlandhcp('hub', 'hub vlans laptop 500,600');
  expect(last('hub', 'vlans.changed')).toMatchObject({ vlans: [500, 600], before: [500] });
  await until('the member knows', () => types('remote').includes('vlans.changed'));
  expect(last('remote', 'vlans.changed')?.text).toBe('The VLANs are 500,600 now. They were 500.');
  expect(site.vlandhcp('remote', 'uplink rotate').stderr).toBe('');
  const fingerprint = last('remote', 'key.changed')?.['fingerprint'];
  await until('the hub knows', () => last('hub', 'key.changed')?.['fingerprint'] === fingerprint);
});

test('the history survives a kill, numbers go on, and nobody joins again by a restart', async () => {
  const before = events('hub').at(-1);
  await until(
    'it is on disk',
    () =>
    site.exec('hub', `cat ${site.file('hub', 'hub/events/events.ndjson')}`).includes(`"id":${before?.id ?? 0},`), // prettier-ignore
  );
  await site.kill('hub');
  await site.service('hub', 'hub');
  const after = events('hub', ` --since ${before?.id ?? 0}`);
  expect(after[0]).toMatchObject({ id: (before?.id ?? 0) + 1, type: 'service.started' });
  expect(types('hub').filter((type) => type === 'member.joined')).toHaveLength(1);
});

test('a revocation is told at both ends, and the carrier is gone', async () => {
  site.vlandhcp('hub', 'hub revoke laptop');
  expect(last('hub', 'member.revoked')?.text).toBe('laptop was revoked.');
  await until('the member knows', () => types('remote').includes('uplink.revoked'));
  await until('its carrier is off', () => last('remote', 'carrier.down') !== undefined && types('remote').lastIndexOf('carrier.down') > types('remote').lastIndexOf('carrier.up')); // prettier-ignore
  expect(sample('remote', 'vlandhcp_uplink_state{uplink="uplink0",state="revoked"}')).toBe(1);
  expect(metrics('hub')).not.toContain('member="laptop"');
  expect(site.vlandhcp('remote', 'uplink leave').stdout).toContain('uplink0 is gone');
  expect(types('remote').at(-1)).toBe('uplink.left');
});
