/**
 * Members of a mesh reach each other in the tunnel, and nobody else does. A host of two sites. All
 * with the real programs: `remote` and `other` are in the mesh, the member in `inet` is not. `nat`
 * is the hub of the second site.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { proves } from '../../support/uplink/acceptance.ts';
import { until } from '../../support/lab/netns.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import { UplinkSite } from '../../support/uplink/uplink-site.ts';

recordOutcomes();

let site: UplinkSite;
/** Addresses in the tunnel. */
const at: Record<string, string> = { hub: '10.83.41.1' };

function invited(hub: string, words: string): string {
  const { stdout, stderr } = site.vlandhcp(hub, `hub invite ${words}`);
  expect(stderr).toBe('');
  return /^vuj1\.\S+$/m.exec(stdout)?.[0] ?? '';
}

beforeAll(async () => {
  site = new UplinkSite([500]);
  const init = 'hub init --site hq --trunk eth1 --endpoint 203.0.113.10 --subnet 10.83.41.0';
  expect(site.vlandhcp('hub', init)).toMatchObject({ stderr: '', status: 0 });
  await site.service('hub', 'hub');
  for (const [name, words] of [
    ['remote', 'laptop --vlans 500 --mesh'],
    ['other', 'cloud --vlans 500 --mesh'],
    ['inet', 'outsider --vlans 500'],
  ] as const) {
    await site.service(name, 'uplink');
    const joined = site.vlandhcp(name, 'uplink join', invited('hub', words));
    expect(joined.stderr).toBe('');
    at[name] = /as (\S+) over/.exec(joined.stdout)?.[1] ?? '';
  }
});
afterAll(() => site.dispose());
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${site.log.slice(-6_000)}\n`);
});

const counted = (name: string) => {
  const text = site.exec('hub', `nft list counter inet vlandhcp_vdhub ${name}`);
  return Number(/packets (\d+)/.exec(text)?.[1]);
};
const pings = (from: string, to: string) => site.pings(from, at[to] ?? '');
/** True if somebody listens there, or if the host says that nobody does. */
const answers = (from: string, to: string, port: number) => {
  const { stderr } = site.tried(from, `busybox nc -w 1 ${at[to]} ${port}`);
  return /refused/.test(stderr);
};
const members = (from: string) =>
  site.tried(from, `busybox wget -q -O - http://${at['hub']}:51821/v1/members`);
/** Lets WireGuard of a member take and send everything of the tunnel network. */
const widen = (name: string) => {
  const key = site.exec(name, 'wg show wg-uplink0 peers').trim();
  site.exec(name, `wg set wg-uplink0 peer ${key} allowed-ips 10.83.41.0/24`);
};

test('members of the mesh reach each other, and know of each other', () => {
  expect(pings('remote', 'other') && pings('other', 'remote')).toBe(true);
  expect(answers('remote', 'other', 7946)).toBe(true);
  expect(site.vlandhcp('hub', 'hub list').stdout).toMatch(
    /^cloud +member, mesh +.*\nlaptop +member, mesh +.*\noutsider +member {2,}/m,
  );
  expect(JSON.parse(members('remote').stdout)).toEqual({
    members: [
      {
        ...{ name: 'cloud', key: site.exec('other', 'wg show wg-uplink0 public-key').trim() },
        ...{
          address: at['other'],
          endpoint: expect.stringMatching(/^198\.51\.100\.7:\d+$/) as string,
        },
      },
    ],
  });
});

test('a hub that becomes a Docker host still passes on what the mesh sends', async () => {
  for (const words of ['-N DOCKER-USER', '-A FORWARD -j DOCKER-USER', '-P FORWARD DROP']) {
    site.exec('hub', `iptables ${words}`);
  }
  await until('the mesh passes', () => pings('remote', 'other'));
  expect(site.exec('hub', 'iptables -S DOCKER-USER')).toContain('-i vdhub -o vdhub');
});

test('the mesh reaches what a Swarm needs of the hub, and no other port of it', () => {
  for (const name of ['remote', 'other']) {
    expect(pings(name, 'hub') && answers(name, 'hub', 2377) && answers(name, 'hub', 7946)).toBe(
      true,
    );
    const before = counted('refused');
    expect(answers(name, 'hub', 22)).toBe(false);
    expect(counted('refused')).toBeGreaterThan(before);
  }
  expect(pings('hub', 'remote') && answers('hub', 'remote', 7946)).toBe(true);
});

test('who is not in the mesh reaches nobody, and is reached by nobody', async () => {
  const row = outcome('U', 'a member outside the mesh attacks the mesh');
  // Docker's rules came just after the joins, so the look after them would begin counters anew.
  await site.kill('hub');
  await site.service('hub', 'hub');
  widen('inet');
  const before = [counted('between'), counted('refused')];
  for (const to of ['remote', 'other', 'hub']) expect(pings('inet', to)).toBe(false);
  expect(answers('inet', 'hub', 2377)).toBe(false);
  expect(pings('remote', 'inet')).toBe(false);
  expect(counted('between')).toBeGreaterThanOrEqual(before[0]! + 3);
  expect(counted('refused')).toBeGreaterThanOrEqual(before[1]! + 2);
  expect(members('inet').stderr).toContain('403');
  // The test can fail: without the rules of the hub it reaches a member.
  site.exec('hub', 'nft flush chain inet vlandhcp_vdhub forward');
  expect(pings('inet', 'remote')).toBe(true);
  row.seen = 'ping to 2 members and the hub 0 of 3; without the rule 1 of 1';
  row.leftovers = 0;
  proves('attack-mesh-outside', row.seen);
});

test('a member of the mesh has no frame in the VLANs of another one, and not its management', async () => {
  const row = outcome('U', "a member of the mesh sends with another's VXLAN number");
  await site.kill('hub');
  await site.service('hub', 'hub'); // the rules are back
  const vni = (name: string) =>
    /vxlan id (\d+)/.exec(site.ip(name, '-d link show dev uplink0'))?.[1] ?? '';
  const send = (to: string, dstport = 4790) => {
    const words = `vxlan id ${vni('other')} local ${at['remote']} remote ${at[to]} dstport ${dstport}`;
    site.ip('remote', `link add evil type ${words}`);
    site.ip('remote', 'link set dev evil up');
    site.ip('remote', 'addr add 10.99.0.1/24 dev evil');
    site.tried('remote', 'ping -n -c 1 -W 1 10.99.0.2'); // asks by ARP
    site.ip('remote', 'link del evil');
  };
  for (const [to, rule] of [
    ['hub', 'binding'],
    ['other', 'between'],
  ] as const) {
    const before = counted(rule);
    send(to);
    expect([to, counted(rule) > before]).toEqual([to, true]);
  }
  const before = counted('between');
  expect(answers('remote', 'other', 2376)).toBe(false);
  expect(counted('between')).toBeGreaterThan(before);
  // An overlay network of Docker has another port, and passes.
  const passed = counted('mesh');
  send('other', 4789);
  expect(counted('mesh')).toBeGreaterThan(passed);
  // Without the rules of the hub those of the other member stop the frames.
  site.exec('hub', 'nft flush chain inet vlandhcp_vdhub forward');
  send('other');
  const outside = site.exec('other', 'nft list counter inet vlandhcp_uplink0 outside');
  expect(Number(/packets (\d+)/.exec(outside)?.[1])).toBeGreaterThan(0);
  row.seen =
    'to the hub: binding; to the member: between, and without that rule the rule of the member';
  row.leftovers = 0;
  proves('attack-mesh-inside', row.seen);
});

test('who is revoked has left the mesh', async () => {
  await site.kill('hub');
  await site.service('hub', 'hub');
  expect(pings('remote', 'other')).toBe(true);
  site.vlandhcp('hub', 'hub revoke cloud');
  expect(pings('remote', 'other')).toBe(false);
  expect(JSON.parse(members('remote').stdout)).toEqual({ members: [] });
});

test('a second site is uplink1; a second uplink to one hub, or one network for two tunnels, is refused', async () => {
  const again = site.vlandhcp(
    'remote',
    'uplink join --dev uplink1',
    invited('hub', 'spare --vlans 500'),
  );
  expect(again.stderr).toBe(
    'vlandhcp: this host is joined to "hq" already, by uplink0; leave it first: vlandhcp uplink leave uplink0\n',
  );
  site.ip('site', `link add name trunk2 type veth peer name eth9 netns ${site.ns('nat')}`);
  site.ip('site', 'link set dev trunk2 up');
  site.ip('nat', 'link set dev eth9 up');
  // With br_netfilter the rules of that host see what passes its bridges.
  site.exec('nat', 'nft add rule ip filter forward iifname br500 oifname br500 accept');
  site.ip('site', 'link add link trunk2 name trunk2.500 type vlan id 500');
  site.ip('site', 'addr add 10.51.0.1/24 dev trunk2.500');
  site.ip('site', 'link set dev trunk2.500 up');
  const join = async (subnet: string) => {
    const init = `hub init --site branch --trunk eth9 --endpoint 192.168.7.1 --subnet ${subnet}`;
    expect(site.vlandhcp('nat', init).stderr).toBe('');
    await site.service('nat', 'hub');
    const token = invited('nat', 'laptop --vlans 500');
    return site.vlandhcp('remote', 'uplink join --dev uplink1', token);
  };
  expect((await join('10.83.41.0')).stderr).toBe(
    'vlandhcp: the tunnel network of "branch" meets the route 10.83.41.0/24 of wg-uplink0 on this host; choose another one at the hub: vlandhcp hub init --subnet\n',
  );
  await site.forget('nat');
  expect((await join('10.84.42.0')).stderr).toBe('');
  for (const [device, own, gateway] of [
    ['uplink0', '10.50.0.201', '10.50.0.1'],
    ['uplink1', '10.51.0.201', '10.51.0.1'],
  ] as const) {
    site.ip('remote', `link add link ${device} name ${device}.500 type vlan id 500`);
    site.ip('remote', `link set dev ${device}.500 up`);
    site.ip('remote', `addr add ${own}/24 dev ${device}.500`);
    await until(`${device} carries frames`, () => site.pings('remote', gateway));
  }
  expect(site.vlandhcp('remote', 'uplink leave').stderr).toBe(
    'vlandhcp: this host has several uplinks; name one of uplink0, uplink1\n',
  );
  expect(site.vlandhcp('remote', 'uplink leave uplink1').stdout).toContain('at the hub');
  expect(site.pings('remote', '10.50.0.1')).toBe(true);
});
