/**
 * The story of mission.md on a real engine, with the managed plugin. Containers in VLANs get
 * leased, routable addresses. Nothing is left behind.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  attachment,
  captured,
  daemonLog,
  docker,
  firewallComesToReach,
  ip,
  lab,
  leases,
  networkCommand,
  run,
  until,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

site({
  server: ['dnsmasq-no-ping', '10', '500', '600', 'lan'],
  plugin: 'managed',
  also: ['capture'],
});

it.each(['vlandhcp', 'vlandhcp:stable'])(
  "--ipam-driver %s leases for Docker's macvlan",
  async (ipam) => {
    const options = [
      '--ipam-opt',
      'parent=eth1',
      '--ipam-opt',
      'vlan=500',
      '-o',
      'parent=eth1.500',
    ];
    await docker('network', 'create', '-d', 'macvlan', '--ipam-driver', ipam, ...options, 'mac500');
    await docker('run', '-d', '--name', 'asterisk', '--net=mac500', 'bb');
    const { address, prefixLength, gateway } = await attachment('asterisk', 'mac500');
    expect([address, prefixLength, gateway]).toEqual([
      expect.stringMatching(/^10\.50\.0\.1\d\d$/),
      24,
      '10.50.0.1',
    ]);
    await firewallComesToReach(address);
    expect(await leases()).toContain(` ${address} `);
    await docker('rm', '-f', 'asterisk');
    expect(await leases()).not.toContain(` ${address} `);
  },
);

describe.each(['vlandhcp', 'vlandhcp:stable'])('a network made with -d %s', (driver) => {
  const createFw500 = () => docker(...networkCommand('fw500', ['parent=eth1', 'vlan=500'], driver));

  it('gives a container a leased address of its VLAN, routable without NAT', async () => {
    await createFw500();
    await docker('run', '-d', '--name', 'asterisk', '--net=fw500', 'bb');
    const { address, prefixLength, gateway, mac } = await attachment('asterisk', 'fw500');
    expect(address).toMatch(/^10\.50\.0\.1\d\d$/);
    expect(prefixLength).toBe(24);
    expect(gateway).toBe('10.50.0.1');

    await firewallComesToReach(address);
    await docker('exec', 'asterisk', 'ping', '-c', '1', '-W', '2', '10.50.0.1');
    // There is no NAT: the host behind the firewall answers to the container's own address.
    await lab('office', 'ping', '-c', '1', '-W', '2', address);

    await until('frames were captured', async () => (await captured(mac)).length >= 4);
    const frames = await captured(mac);
    expect(frames.filter((line) => !line.includes('vlan 500'))).toEqual([]);
    expect(frames.filter((line) => line.includes('BOOTP/DHCP'))).not.toEqual([]);
  });

  it('leaves the container one way out and needs no capability', async () => {
    await createFw500();
    await docker('run', '-d', '--name', 'box', '--cap-drop=ALL', '--net=fw500', 'bb');
    const links = await docker('exec', 'box', 'ip', '-o', 'link');
    expect(links.split('\n').map((line) => line.split(/[:@]/)[1]?.trim())).toEqual(['lo', 'eth0']);
    expect(await docker('exec', 'box', 'ip', 'route')).toMatch(
      /^default via 10\.50\.0\.1 dev eth0/,
    );
    expect(await docker('network', 'ls', '--format', '{{.Name}}')).not.toContain('docker_gwbridge');
  });

  it('keeps stop, start, restart and rm clean', async () => {
    await createFw500();
    const mac = '02:00:00:00:05:01';
    await docker('run', '-d', '--name', 'box', '--mac-address', mac, '--net=fw500', 'bb');
    const first = await attachment('box', 'fw500');
    expect(first.mac).toBe(mac);
    await docker('stop', '-t', '1', 'box');
    expect(await ip('-br', 'link')).not.toContain('vdh');
    await docker('start', 'box');
    await docker('restart', '-t', '1', 'box');
    const last = await attachment('box', 'fw500');
    expect(last.address).toBe(first.address);
    await firewallComesToReach(last.address);
  });

  it('keeps three VLANs and an untagged segment apart', async () => {
    const segments = [
      { name: 'fw10', options: ['parent=eth1', 'vlan=10'], prefix: '10.10.0.' },
      { name: 'fw500', options: ['parent=eth1', 'vlan=500'], prefix: '10.50.0.' },
      { name: 'fw600', options: ['parent=eth1', 'vlan=600'], prefix: '10.60.0.' },
      { name: 'plain', options: ['parent=eth2'], prefix: '10.20.0.' },
    ];
    for (const { name, options } of segments) {
      await docker(...networkCommand(name, options, driver));
      await docker('run', '-d', '--name', `c-${name}`, '--net', name, 'bb');
    }
    for (const { name, prefix } of segments) {
      const { address } = await attachment(`c-${name}`, name);
      expect(address.startsWith(prefix)).toBe(true);
      await firewallComesToReach(address);
    }
    const { address } = await attachment('c-fw500', 'fw500');
    // The way between two VLANs goes through the firewall, which takes one off the TTL.
    expect(await docker('exec', 'c-fw10', 'ping', '-c', '1', '-W', '2', address)).toContain(
      'ttl=63',
    );
    expect(await ip('-d', 'link', 'show', 'eth1.500')).toContain('vlan protocol 802.1Q id 500');
    expect(await ip('-4', '-br', 'addr', 'show', 'br500')).not.toMatch(/\d+\.\d+\.\d+\.\d+/);
    expect(await ip('-6', '-br', 'addr', 'show', 'br500')).not.toContain('fe80');
  });
});

describe("Docker's firewall", () => {
  const rules = async () =>
    (await run('iptables', ['-S'])).stdout.split('\n').filter((rule) => rule.includes('br500'));

  it('does not eat what two containers of one VLAN say to each other', async () => {
    // dockerd has turned forwarding on and set the policy. Bridged frames pass this chain
    // (br_netfilter).
    expect((await run('iptables', ['-S', 'FORWARD'])).stdout).toContain('-P FORWARD DROP');
    for (const name of ['one', 'two']) {
      await docker(...networkCommand(name));
      await docker('run', '-d', '--name', `box-${name}`, '--net', name, 'bb');
    }
    const { address } = await attachment('box-two', 'two');
    await docker('exec', 'box-one', 'ping', '-c', '1', '-W', '2', address);
    const rule = '-i br500 -o br500 -m comment --comment vlandhcp -j ACCEPT';
    expect(await rules()).toEqual([`-A FORWARD ${rule}`, `-A DOCKER-USER ${rule}`]);

    await docker('rm', '-f', 'box-one', 'box-two');
    await docker('network', 'rm', 'one', 'two');
    expect(await rules()).toEqual([]);
  });
});

describe('endpoint options', () => {
  beforeEach(async () => {
    await docker(...networkCommand('fw500'));
  });

  const runWith = (name: string, option: string) =>
    docker('run', '-d', '--name', name, '--network', `name=fw500,driver-opt=${option}`, 'bb');

  it("id=asterisk wears the MAC that pipework's U:asterisk gave", async () => {
    await runWith('box', 'id=asterisk');
    expect((await attachment('box', 'fw500')).mac).toBe('02:74:52:1f:fe:e0');
    expect(await docker('exec', 'box', 'ip', 'link', 'show', 'eth0')).toContain(
      '02:74:52:1f:fe:e0',
    );
  });

  it('ip=10.50.0.177 leases that address', async () => {
    await runWith('box', 'ip=10.50.0.177');
    expect((await attachment('box', 'fw500')).address).toBe('10.50.0.177');
  });

  it('hostname=asterisk reaches the DHCP server', async () => {
    await runWith('box', 'hostname=asterisk');
    expect(await daemonLog('dhcp-dnsmasq')).toMatch(/client provides name: asterisk/);
  });
});
