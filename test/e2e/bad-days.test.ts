/** Faults of servers, dockerd and the plugin itself. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  attachment,
  callPlugin,
  daemonLog,
  docker,
  dockerRefuses,
  firewallComesToReach,
  firewallReaches,
  ip,
  lab,
  labWith,
  pingSteadily,
  startOnFirewall,
  until,
} from '../support/lab/lab.ts';
import { createFw500, site } from '../support/lab/site.ts';

const SERVER = fileURLToPath(new URL('../support/servers/odd-dhcp-server.mjs', import.meta.url));
const serviceUp = () => labWith({ JOIN_TIMEOUT: '2' }, 'service-up');
const vethsHere = async () =>
  (await ip('-br', 'link')).split('\n').filter((l) => /^vd[hc]/.test(l));
const noVethsLeft = () => until('the veths are gone', async () => (await vethsHere()).length === 0);

site({ settings: { JOIN_TIMEOUT: '2' } });

const runBox = ['run', '-d', '--name', 'box', '--net=fw500', 'bb'];

/** Calls CreateEndpoint like dockerd, and nothing after it. */
async function createEndpoint(id: string, mac: string): Promise<string> {
  const answer = await callPlugin('NetworkDriver.CreateEndpoint', {
    NetworkID: await docker('network', 'inspect', '-f', '{{.Id}}', 'fw500'),
    EndpointID: id,
    Interface: { Address: '', AddressIPv6: '', MacAddress: mac },
    Options: {},
  });
  return JSON.stringify(answer);
}

/**
 * Looks into the server's log, which also has earlier tests. So each test uses a MAC of its own.
 */
const leaseGivenBack = (mac: string) =>
  until('the lease is given back', async () =>
    (await daemonLog('dhcp-dnsmasq')).split('\n').some((line) => {
      return /DHCPRELEASE\(trunk\.500\) 10\.50\.0\./.test(line) && line.includes(mac);
    }),
  );

describe('DHCP', () => {
  it('without a server docker run fails within lease_timeout and says what was tried', async () => {
    await createFw500('lease_timeout=3s');
    const startedAt = performance.now();
    const words = await dockerRefuses(...runBox);
    const waitedMs = performance.now() - startedAt;
    expect(words).toMatch(
      /no DHCP server answered on VLAN 500 of eth1 in \d[.\d]* s: sent \d DISCOVER from 02:[0-9a-f:]{14}, heard nothing; check/,
    );
    expect(waitedMs).toBeGreaterThan(2900);
    expect(await vethsHere()).toEqual([]);
  });

  it.each([
    ['refuse', /refused every request \(NAK\).*"not today"/],
    ['no-server-id', /OFFER ignored: no-server-id/],
    ['garbage', /no DHCP server answered.*malformed/],
    ['deaf', /offered an address but no lease followed.*OFFER from 10\.50\.0\.1/],
  ])('a server with the habit "%s" is named in the error', async (habit, sentence) => {
    const addresses = ['10.50.0.1', '10.50.0.255', '10.50.0.99'];
    const server = startOnFirewall('node', SERVER, habit, ...addresses);
    await until('the odd server listens', () => server.printed().includes('ready'));
    try {
      await createFw500('lease_timeout=3s');
      expect(await dockerRefuses(...runBox)).toMatch(sentence);
      expect(await vethsHere()).toEqual([]);
    } finally {
      await server.stop();
    }
  });

  it('an address that the server does not offer is refused', async () => {
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await createFw500('lease_timeout=3s');
    const words = await dockerRefuses(
      ...['run', '-d', '--name', 'box', '--network', 'name=fw500,driver-opt=ip=10.50.0.222', 'bb'],
    );
    expect(words).toMatch(
      /no DHCP server offered 10\.50\.0\.222 .*the server has 10\.50\.0\.1\d\d/,
    );
  });

  it('neighbours that know the address under another MAC learn the new one', async () => {
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await createFw500();
    const stale = [
      '10.50.0.155',
      'lladdr',
      '02:00:00:00:00:99',
      'dev',
      'trunk.500',
      'nud',
      'reachable',
    ];
    await lab('fw', 'ip', 'neigh', 'replace', ...stale);
    await docker(
      ...['run', '-d', '--name', 'box', '--network', 'name=fw500,driver-opt=ip=10.50.0.155', 'bb'],
    );
    await until('the firewall reaches it', () => firewallReaches('10.50.0.155'));
  });
});

describe('dockerd', () => {
  it('killed while CreateEndpoint waits for the server leaves nothing behind', async () => {
    await createFw500();
    const attempt = dockerRefuses(...runBox);
    await until('the veth is there', async () => (await vethsHere()).length === 2);
    await lab('engine-kill');
    await attempt;
    await noVethsLeft();
    await lab('engine-up');
  });

  it('killed between CreateEndpoint and Join: the endpoint is removed after JOIN_TIMEOUT, and its MAC is free', async () => {
    const mac = '02:00:00:00:0d:01';
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await createFw500('release=now');
    expect(await createEndpoint('never-joined', mac)).toMatch(/"Address":"10\.50\.0\./);
    expect((await vethsHere()).length).toBe(2);
    await lab('engine-kill');
    await noVethsLeft();
    await leaseGivenBack(mac);
    await lab('engine-up');
    await docker(...runBox.slice(0, -1), '--mac-address', mac, 'bb');
    expect((await attachment('box', 'fw500')).mac).toBe(mac);
  });

  it('restarted: networks are kept and containers start again', async () => {
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await createFw500();
    await docker(...runBox);
    await lab('engine-down');
    await lab('engine-up');
    await docker('start', 'box');
    await firewallComesToReach((await attachment('box', 'fw500')).address);
  });
});

describe('the plugin', () => {
  it('killed: traffic flows, the lease is renewed after the restart, rm still cleans up', async () => {
    await labWith({ LEASE: '10' }, 'server-up', 'kea', '500');
    await createFw500();
    await docker(...runBox);
    const { address } = await attachment('box', 'fw500');
    await firewallComesToReach(address);
    const ping = pingSteadily(address);
    await lab('service-kill');
    await serviceUp();
    const renewals = async () => (await daemonLog('vlandhcp')).split('lease renewed').length - 1;
    const before = await renewals();
    await until('it is renewed', async () => (await renewals()) > before);
    const { sent, lost } = await ping.stop();
    expect(sent).toBeGreaterThan(10);
    expect(lost).toBe(0);
  });

  it('killed while CreateEndpoint waits: the next start clears the link away', async () => {
    await createFw500();
    const attempt = dockerRefuses(...runBox);
    await until('the veth is there', async () => (await vethsHere()).length === 2);
    await lab('service-kill');
    await serviceUp();
    await attempt;
    await noVethsLeft();
  });

  it('killed between CreateEndpoint and Join: the endpoint is removed after JOIN_TIMEOUT', async () => {
    const mac = '02:00:00:00:0d:02';
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await createFw500('release=now');
    expect(await createEndpoint('never-joined', mac)).toMatch(/"Address":"10\.50\.0\./);
    await lab('service-kill');
    await serviceUp();
    expect((await vethsHere()).length).toBe(2);
    await noVethsLeft();
    await leaseGivenBack(mac);
  });
});
