/**
 * The way to a hub by ssh, over two jump hosts, with real sshd: no packet of the remote host passes
 * the NAT by itself. The NAT and a host in the Internet are the jump hosts.
 */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { proves } from '../../support/uplink/acceptance.ts';
import { JumpHosts } from '../../support/uplink/jump-hosts.ts';
import { until } from '../../support/lab/netns.ts';
import { UplinkSite } from '../../support/uplink/uplink-site.ts';

const VIA = 'ssh://root@203.0.113.10?jump=root@192.168.7.1,root@198.51.100.1';
const JUMP = '-J root@192.168.7.1,root@198.51.100.1';
let site: UplinkSite;
let hosts: JumpHosts;
let token = '';

beforeAll(async () => {
  site = new UplinkSite([500]);
  site.addCafe();
  hosts = new JumpHosts(site);
  const relay = `env NODE_PATH=${join(import.meta.dirname, '../../../node_modules')} ${process.execPath} ${site.bundle} hub relay`;
  await hosts.start('nat', '192.168.7.1', 'restrict,port-forwarding');
  await hosts.start('inet', '198.51.100.1', 'restrict,port-forwarding');
  await hosts.start('hub', '203.0.113.10', `restrict,command="${relay}"`);
  site.vlandhcp('hub', 'hub init --site hq --trunk eth1 --endpoint 203.0.113.10');
  await site.service('hub', 'hub');
  await site.service('remote', 'uplink');
  token = `${site.vlandhcp('hub', 'hub invite laptop --vlans 500').stdout.split('\n').at(-2)}\n`;
  site.exec('nat', 'nft insert rule ip filter forward drop');
});
afterAll(() => site.dispose());
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${site.log.slice(-8_000)}\n`);
});

test('a join that ssh refuses says what ssh says, and leaves nothing', () => {
  hosts.useKey('stranger');
  const { status, stderr } = site.vlandhcp('remote', `uplink join --via ${VIA}`, token);
  hosts.useKey('member');
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(
      /^vlandhcp: the hub of "hq" does not answer by ssh to root@203\.0\.113\.10 by root@192\.168\.7\.1, root@198\.51\.100\.1 \(ssh says: .*Permission denied \(publickey\).*\) \(2 tries, 10 s\); see that the hub runs/,
    ),
  ]);
  expect(Object.keys(site.links('remote')).sort()).toEqual(['eth0', 'eth1', 'lo']);
});

test('a host joins over two jump hosts with --via, and leases', () => {
  const joined = site.vlandhcp('remote', `uplink join --via ${VIA}`, token);
  expect([joined.stderr, joined.status]).toEqual(['', 0]);
  expect(joined.stdout).toMatch(/^joined "hq" as 10\.\d+\.\d+\.3 over ssh in \d+\.\d s; uplink0/);
  site.ip('remote', 'link add link uplink0 name uplink0.500 type vlan id 500');
  site.ip('remote', 'link set dev uplink0.500 up');
  expect(site.lease('remote', 'uplink0.500')).toMatch(/^10\.50\.0\.1\d\d$/);
  site.ip('remote', 'addr add 10.50.0.201/24 dev uplink0.500');
  expect(site.pings('site', '10.50.0.201', '-M do -s 1472')).toBe(true);
  expect(site.vlandhcp('remote', 'uplink status').stdout).toContain(
    'ssh root@203.0.113.10 by root@192.168.7.1, root@198.51.100.1',
  );
  expect(site.vlandhcp('hub', 'hub list').stdout).toMatch(/ ssh /);
  const took = /over ssh in ([\d.]+ s)/.exec(joined.stdout)?.[1];
  proves('shows-jump-hosts', 'joined, leased, and 1500 bytes pass', took);
});

test('the key of a member may do nothing at the hub but that', () => {
  const command = hosts.ssh(`${JUMP} root@203.0.113.10 id`);
  expect(command.stdout).toBe('vlandhcp relay 1\n');
  const forwarded = hosts.ssh(`${JUMP} -W 127.0.0.1:22 root@203.0.113.10`);
  expect([forwarded.stdout, forwarded.status]).toEqual(['', 255]);
});

/** Kills what sshd has started on that host for a client. */
function endSessions(name: string, client = ''): void {
  const all = site.exec(name, `ss -Htnp state established sport = :2022 ${client}`.trim());
  for (const line of all.split('\n')) {
    const pid = /sshd",pid=(\d+)/.exec(line)?.[1];
    if (pid !== undefined) process.kill(Number(pid), 'SIGKILL');
  }
}

test('a stream whose sshd is killed, and a service that is killed, are back by themselves', async () => {
  endSessions('hub');
  await until('the tunnel is back', () => site.pings('site', '10.50.0.201'));
  await site.kill('remote');
  await site.service('remote', 'uplink');
  await until('the tunnel is back', () => site.pings('site', '10.50.0.201'));
});

test('a route to the first jump host by another link: the next stream goes by it at once', async () => {
  const streams = (from: string) =>
    site.exec('remote', `ss -Htn state established src ${from} dport = :2022`);
  expect(streams('192.168.7.2')).not.toBe('');
  // The old connection gets no answer any more, and hears of no end.
  site.exec('cafe', 'nft insert rule ip filter forward ip saddr 192.168.7.2 drop');
  site.ip('inet', 'route add 192.168.7.0/24 via 198.51.100.7');
  site.ip('remote', 'link set dev eth1 up');
  const before = site.log.length;
  site.ip('remote', 'route add 192.168.7.1 via 192.168.9.1');
  await until('the stream goes by eth1', () => streams('192.168.9.2') !== '');
  await until('a word came by it', () => {
    const { stdout } = site.vlandhcp('remote', 'uplink status');
    return /uplink0 {3}hq {3}up .* ssh .* last word [01] s ago/.test(stdout);
  });
  expect(streams('192.168.7.2')).toBe('');
  expect(site.log.slice(before)).not.toContain('the hub is silent');
  endSessions('nat', 'dst 192.168.7.2'); // it would wait for hours
});

test('leave ends ssh and all its jumps', async () => {
  expect(site.vlandhcp('remote', 'uplink leave').stdout).toBe(
    'uplink0 is gone, here and at the hub\n',
  );
  const open = () => site.exec('nat', 'ss -Htn state established sport = :2022');
  await until('no connection is left', () => open() === '');
});
