/** `dns=lease`: which rules a running container gets, when its lease and the host change. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OPTION } from '../../../../plugin/dhcp4/options.ts';
import { PluginError } from '../../../../plugin/vocabulary/errors.ts';
import { ipv4ToBytes } from '../../../../plugin/wire/address.ts';
import {
  DriverRig,
  ENDPOINT,
  JOIN_TIMEOUT_MS,
  SANDBOX,
} from '../../../support/fakes/driver-rig.ts';
import { ack, ip, nak, offer } from '../../../support/frames/messages.ts';
import type { Server } from '../../../support/lan/memory-packet-socket.ts';

const TIMES = { leaseSec: 100, t1Sec: 50, t2Sec: 80 };
const ASKED = '10.99.0.53';

let rig: DriverRig;
const start = async (options: Record<string, string> = { dns: 'lease' }) => {
  rig = new DriverRig();
  rig.host.hostDns = { servers: [ip(ASKED)], isOutdated: false };
  await rig.createNetwork({
    options: { parent: 'eth1', vlan: '500', acd: 'off', ...options },
    internal: false,
  });
};
beforeEach(() => start());
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

/** A server whose leases have these DNS servers: the last bytes of 10.50.0.x. */
const serverWith = (...hosts: number[]): Server =>
  serverOf(hosts.flatMap((host) => [10, 50, 0, host]));
const serverOf =
  (bytes: readonly number[]): Server =>
  ({ type, message: { xid, chaddr } }) => {
    const options =
      bytes.length === 0 ? [] : [[OPTION.DOMAIN_NAME_SERVER, Uint8Array.from(bytes)] as const];
    const all = { ...TIMES, xid, header: { chaddr }, options };
    if (type === 'DISCOVER') return [offer(all)];
    return type === 'REQUEST' ? [ack(all)] : [];
  };

async function running(...hosts: number[]): Promise<void> {
  rig.wire.server = serverWith(...hosts);
  await rig.createEndpoint();
  await rig.join();
  await rig.clock.pass(5_000);
}

/** What the only container's rules say; undefined without rules. */
const rules = () => {
  const [set] = rig.host.dnsSet.values();
  return set?.map(({ from, to }) => `${from}>${to}`).join(' ');
};
const warnings = () => rig.log.messages('warn').join('\n');

describe('a container of a network with dns=lease', () => {
  it('has the servers of its lease in place of those of the host, and follows renewals', async () => {
    await running(1);
    expect(rules()).toBe(`${ASKED}>10.50.0.1`);
    const count = rig.host.count('setSandboxDns');
    await rig.clock.pass(60_000);
    expect(rig.host.count('setSandboxDns')).toBe(count); // the same servers are not set again
    rig.wire.server = serverWith(7, 8);
    await rig.clock.pass(60_000);
    expect(rules()).toBe(`${ASKED}>10.50.0.7`);
    rig.wire.server = serverWith();
    await rig.clock.pass(60_000);
    expect(rules()).toBe('');
  });

  it('is never sent to itself: it may be the DNS server of its VLAN', async () => {
    await running(1);
    const own = ipv4ToBytes(rig.registry.endpoints()[0]!.lease!.address);
    rig.wire.server = serverOf([...own, 10, 50, 0, 8]);
    await rig.clock.pass(60_000);
    expect(rules()).toBe(`${ASKED}>10.50.0.8`);
    rig.wire.server = serverOf([...own]);
    await rig.clock.pass(60_000);
    expect(rules()).toBe('');
  });

  it('has them before its link, where the engine has the sandbox by then', async () => {
    rig.wire.server = serverWith(1);
    await rig.createEndpoint();
    rig.host.sandboxes.add(SANDBOX);
    await rig.driver.join(ENDPOINT, SANDBOX);
    expect(rules()).toBe(`${ASKED}>10.50.0.1`);
    await rig.join();
    expect(rig.host.count('setSandboxDns')).toBe(1);
  });

  it('a Join never fails by the rules', async () => {
    rig.host.failing.set('prepareSandboxDns', new PluginError('SOCKET_FAILED', 'refused'));
    await running(1);
    expect([rules(), rig.log.messages('error')]).toEqual([`${ASKED}>10.50.0.1`, []]);
  });

  it('has the servers of the host again when its lease is lost', async () => {
    await running(1);
    rig.wire.server = ({ type, message: { xid, chaddr } }) =>
      type === 'REQUEST' ? [nak({ xid, header: { chaddr } })] : [];
    await rig.clock.pass(60_000);
    expect(rules()).toBe('');
  });

  it('on_expiry=keep: goes on with the servers of the lease that ended', async () => {
    rig.stop();
    await start({ dns: 'lease', on_expiry: 'keep' });
    await running(1);
    rig.wire.server = () => [];
    await rig.clock.pass(200_000);
    expect(rules()).toBe(`${ASKED}>10.50.0.1`);
  });

  it('keeps the servers that Docker has asked since its start, also over a restart of the plugin', async () => {
    await running(1);
    rig.host.hostDns = { servers: [ip('10.99.0.66')], isOutdated: false };
    await rig.restart();
    await rig.clock.pass(5_000);
    expect(rules()).toBe(`${ASKED}>10.50.0.1`);
  });

  it('has no rules left in its sandbox when it leaves the network', async () => {
    await running(1);
    await rig.driver.leave(ENDPOINT);
    expect(rules()).toBeUndefined();
    await rig.driver.removeEndpoint(ENDPOINT);
    expect(rig.host.count('clearSandboxDns')).toBe(1);
  });

  it('the plugin is killed after Join, and the link never comes: no rules are left', async () => {
    rig.wire.server = serverWith(1);
    await rig.createEndpoint();
    rig.host.sandboxes.add(SANDBOX); // as of a running container, by docker network connect
    await rig.driver.join(ENDPOINT, SANDBOX);
    expect(rules()).toBe(`${ASKED}>10.50.0.1`);
    await rig.restart();
    await rig.clock.pass(2 * JOIN_TIMEOUT_MS);
    expect(rules()).toBeUndefined();
  });

  it('the container leaves the network while the plugin is killed: no rules are left', async () => {
    await running(1);
    rig.host.moveOutOfSandbox(rig.record().hostEnd);
    await rig.restart();
    await rig.clock.pass(2 * JOIN_TIMEOUT_MS);
    expect(rules()).toBeUndefined();
  });

  it('runs also where the rules fail; they are tried again, and told once', async () => {
    rig.host.failing.set('setSandboxDns', new PluginError('IP_COMMAND_FAILED', 'no nf_tables'));
    await running(1);
    await rig.clock.pass(30_000);
    rig.host.failing.delete('setSandboxDns');
    expect(rules()).toBeUndefined();
    expect(rig.log.messages('error').length).toBe(1);
    await rig.clock.pass(15_000);
    expect(rules()).toBe(`${ASKED}>10.50.0.1`);
  });
});

describe('which servers are replaced', () => {
  it('dns_instead_of= names them, whatever the host has', async () => {
    rig.stop();
    await start({ dns: 'lease', dns_instead_of: '10.1.1.1,10.1.1.2' });
    await running(1);
    expect(rules()).toBe('10.1.1.1>10.50.0.1 10.1.1.2>10.50.0.1');
    expect(rig.log.messages('info').join()).not.toContain('daemon.json');
  });

  it('the engine may ask them from the host: what it needs is told once', async () => {
    await running(1);
    const told = rig.log.messages('info').filter((text) => text.includes('daemon.json'));
    expect(told).toEqual([expect.stringContaining(`"dns": ["${ASKED}"]`)]);
  });

  it('a loopback server alone is asked by the host: nothing is replaced, and the log says what to type', async () => {
    rig.host.hostDns = { servers: [ip('127.0.0.53')], isOutdated: false };
    await running(1);
    expect(rules()).toBe('');
    expect(warnings()).toMatch(/dns=lease has no effect.*daemon\.json.*-o dns_instead_of=ADDRESS/);
  });

  it('a resolv.conf that the plugin does not see any more is told', async () => {
    rig.host.hostDns = { servers: [ip(ASKED)], isOutdated: true };
    await running(1);
    expect(warnings()).toMatch(/was replaced since the plugin started/);
  });

  it('dns=docker: no rules, and no file is read', async () => {
    rig.stop();
    await start({});
    await running(1);
    await rig.driver.leave(ENDPOINT);
    expect(rules()).toBeUndefined();
    expect([rig.host.count('setSandboxDns'), rig.host.count('clearSandboxDns')]).toEqual([0, 0]);
  });
});
