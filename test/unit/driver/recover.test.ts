import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { linkEnds } from '../../../plugin/options/endpoint-identity.ts';
import { leaseOfEndpoint } from '../../../plugin/state/lease-records.ts';
import { writeRecord } from '../../../plugin/state/files/read-record.ts';
import type { DriverRig } from '../../support/fakes/driver-rig.ts';
import {
  ENDPOINT,
  JOIN_TIMEOUT_MS,
  NETWORK,
  NOTHING_LEFT,
  rigWithNetwork,
  SANDBOX,
} from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';

const SECOND = 'f'.repeat(64);
const INSIDE = { netnsPath: SANDBOX, link: 'eth0', speaksVia: 'br500', defendsFrom: 'br500' };

let rig: DriverRig;
beforeEach(async () => {
  rig = await rigWithNetwork();
  await rig.createEndpoint();
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

const places = () => rig.wire.places;

describe('a record that names the link of another endpoint', () => {
  it("as a file that somebody changed: the container keeps its link and its lease, and so does the record's own", async () => {
    await rig.join();
    await rig.createEndpoint({ endpointId: SECOND });
    await rig.join(SECOND);
    const links = [...rig.host.endpoints.keys()];
    const record = { ...rig.record(SECOND), ...linkEnds(ENDPOINT) };
    rig.store.tampered.set(`leases/${SECOND}`, writeRecord('leases', leaseOfEndpoint(record)));
    await rig.restart();
    await rig.clock.pass(JOIN_TIMEOUT_MS * 2);
    expect([...rig.host.endpoints.keys()]).toEqual(links);
    expect(rig.record(SECOND)).toMatchObject(linkEnds(SECOND));
    expect(rig.wire.sentTypes).not.toContain('RELEASE');
  });

  it('as a copy with an id of its own: it is forgotten, and the container keeps link and lease', async () => {
    await rig.join();
    await rig.store.save('leases', { ...leaseOfEndpoint(rig.record()), id: 'copy' });
    await rig.restart();
    await rig.clock.pass(JOIN_TIMEOUT_MS * 2);
    expect([...rig.host.endpoints.keys()]).toEqual([rig.record().hostEnd]);
    expect(rig.registry.endpoints().map(({ id }) => id)).toEqual([ENDPOINT]);
    expect(rig.wire.sentTypes).not.toContain('RELEASE');
  });

  it('in whatever way it came into memory: it is left alone and told, whichever of them comes first', async () => {
    await rig.join();
    const copy = { ...rig.record(), id: 'copy', leaseId: 'copy' };
    const leases = [copy, rig.record()].map(leaseOfEndpoint);
    for (const order of [leases, leases.toReversed()]) {
      const contents = { ...rig.store.contents, leases: order };
      const load = vi.spyOn(rig.store, 'load').mockReturnValue({ contents, useless: 0 });
      await rig.restart();
      load.mockRestore();
      expect(rig.leases.size).toBe(1);
      await rig.clock.pass(JOIN_TIMEOUT_MS * 2);
      expect([...rig.host.endpoints.keys()]).toEqual([rig.record().hostEnd]);
      expect(rig.wire.sentTypes).not.toContain('RELEASE');
    }
    const told = rig.log.messages('error');
    expect(told).toHaveLength(2);
    for (const text of told) expect(text).toContain('the link of another endpoint');
  });
});

describe('after a restart (D7)', () => {
  it('record, link in a container: the lease is kept from inside, without a word on the wire', async () => {
    await rig.join();
    const sent = rig.wire.sent.length;
    await rig.restart();
    expect(places()).toEqual([INSIDE]);
    expect(rig.wire.sent).toHaveLength(sent);
    await rig.clock.pass(JOIN_TIMEOUT_MS + 1000);
    expect(rig.host.endpoints.size).toBe(1);
  });

  it('and renews at the old T1, counted over the restart in wall time', async () => {
    await rig.join();
    await rig.clock.pass(1_000_000);
    await rig.restart();
    await rig.clock.pass(900_000);
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'REQUEST', place: INSIDE });
    expect(rig.log.messages('info')).toContain('lease renewed');
  });

  it('T1 passed while we were away: the first REQUEST goes out over a socket, within 10 s', async () => {
    await rig.join();
    rig.stop();
    await rig.clock.pass(2_000_000);
    const sent = rig.wire.sent.length;
    await rig.restart();
    await rig.clock.pass(10_000);
    expect(rig.wire.sent.slice(sent)).toMatchObject([{ type: 'REQUEST', place: INSIDE }]);
    expect(rig.log.messages('warn')).toEqual([]);
  });

  it('record, link in a container, sandbox unknown: the lease is kept from the bridge', async () => {
    rig.host.moveIntoSandbox(rig.record().hostEnd);
    await rig.restart();
    expect(places()).toEqual([{ link: 'br500', promiscuous: true }]);
    await rig.clock.pass(JOIN_TIMEOUT_MS * 2);
    expect(rig.host.endpoints.size).toBe(1);
  });

  it('record, link here, never joined: Join may still come, and works', async () => {
    await rig.restart();
    expect(places()).toEqual([{ link: rig.record().containerEnd }]);
    await rig.join();
    expect(places()).toEqual([INSIDE]);
    await rig.clock.pass(JOIN_TIMEOUT_MS * 2);
    expect(rig.host.endpoints.size).toBe(1);
  });

  it('record, link here, never joined: if no Join comes, link, lease and record go', async () => {
    await rig.restart();
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    await settled();
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('killed between the answer to Join and the move of the link: the container keeps its link', async () => {
    const { hostEnd } = rig.record();
    await rig.driver.join(ENDPOINT, SANDBOX);
    await rig.restart();
    rig.host.moveIntoSandbox(hostEnd);
    rig.sandbox = { link: 'eth0' };
    await rig.clock.pass(JOIN_TIMEOUT_MS * 2);
    expect(rig.host.endpoints.size).toBe(1);
    expect(places()).toEqual([INSIDE]);
  });

  it('joined, but the link is back and nobody asks for it: it goes after the join timeout', async () => {
    await rig.driver.join(ENDPOINT, SANDBOX);
    await rig.restart();
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    await settled();
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('record, no link: the lease is given back over the bridge, the record goes', async () => {
    await rig.join();
    rig.host.loseEndpoint(rig.record().hostEnd);
    await rig.restart();
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'RELEASE', place: { link: 'br500' } });
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    expect(rig.log.messages('warn')).toEqual([]);
  });

  it('record, no link, lease expired meanwhile: nothing is given back that is not ours any more', async () => {
    rig.stop();
    rig.host.loseEndpoint(rig.record().hostEnd);
    await rig.clock.pass(4_000_000);
    await rig.restart();
    expect(rig.wire.sentTypes).not.toContain('RELEASE');
    expect(rig.store.endpoints).toEqual([]);
  });

  it('record without its network: it goes, and its link', async () => {
    await rig.store.delete('networks', NETWORK);
    await rig.restart();
    expect([rig.store.endpoints, rig.host.endpoints.size]).toEqual([[], 0]);
  });

  it('record without its network, link in a container: the link stays, and it is told what to do', async () => {
    await rig.join();
    const { hostEnd } = rig.record();
    const [network] = rig.store.networks;
    await rig.store.delete('networks', NETWORK);
    await rig.restart();
    await rig.clock.pass(2 * JOIN_TIMEOUT_MS);
    expect([...rig.host.endpoints.keys()]).toEqual([hostEnd]);
    const told = rig.log.lines.filter(({ level }) => level === 'error');
    expect(told.map(({ message }) => message)).toEqual([
      expect.stringMatching(/state file is missing; the link stays .* put the file back/),
    ]);
    expect(told[0]!.fields).toMatchObject({ file: `networks/${NETWORK}.json`, link: hostEnd });
    expect(rig.driver.status()).toEqual([]);
    // The file is back: the lease is again renewed from inside.
    await rig.store.save('networks', network!);
    await rig.restart();
    await rig.clock.pass(100);
    expect(places()).toEqual([INSIDE]);
  });

  it('and such a container that leaves and is deleted takes its link along', async () => {
    await rig.join();
    await rig.store.delete('networks', NETWORK);
    await rig.restart();
    await rig.driver.leave(ENDPOINT);
    await rig.clock.pass(2 * JOIN_TIMEOUT_MS); // Docker is slow: the link is still in the container
    expect(rig.host.endpoints.size).toBe(1);
    await rig.driver.removeEndpoint(ENDPOINT);
    expect([rig.host.endpoints.size, rig.store.endpoints]).toEqual([0, []]);
  });

  it('no record, link here: made, and cut short before it was written down; it goes', async () => {
    const { hostEnd } = linkEnds(SECOND);
    rig.host.endpoints.set(hostEnd, { containerEnd: 'vdcx', here: true, mtu: 1500 });
    await rig.restart();
    expect([...rig.host.endpoints.keys()]).toEqual([rig.record().hostEnd]);
  });

  it('no record, link in a container: left alone and told to an operator', async () => {
    const { hostEnd } = linkEnds(SECOND);
    rig.host.endpoints.set(hostEnd, { containerEnd: 'vdcx', here: false, mtu: 1500 });
    await rig.restart();
    expect(rig.host.endpoints.has(hostEnd)).toBe(true);
    expect(rig.log.messages('error')).toEqual([
      'a container uses a link that is not in the state; left alone',
    ]);
  });

  it('nothing at all: it just starts', async () => {
    await rig.driver.removeNetwork(NETWORK);
    await rig.restart();
    expect(rig.log.messages('info')).toContain('state recovered');
  });

  it('a reboot: network links are made again, the firewall rule, too', async () => {
    rig.host.loseEndpoint(rig.record().hostEnd);
    rig.host.links.delete('br500');
    rig.host.links.delete('eth1.500');
    rig.host.rules.clear();
    await rig.restart();
    expect([...rig.host.links]).toEqual(['eth1', 'br500', 'eth1.500']);
    expect([...rig.host.rules]).toEqual(['br500']);
    expect(rig.store.endpoints).toEqual([]);
  });
});

describe('trouble with one thing does not keep the rest from being recovered', () => {
  it('a network whose links cannot be made: told, and the next container says why', async () => {
    rig.host.links.delete('br500');
    rig.host.failing.set('ensureNetworkLinks', new PluginError('LINK_CONFLICT', 'it is a dummy'));
    await rig.restart();
    expect(rig.log.messages('error')).toContain('network links not restored');
    await expect(rig.createEndpoint({ endpointId: SECOND })).rejects.toThrow('it is a dummy');
  });

  it('a network whose parent is missing: it has its bridge, and gets the rest when the parent comes', async () => {
    for (const link of ['eth1', 'eth1.500', 'br500']) rig.host.links.delete(link);
    const missing = new PluginError('PARENT_LINK_MISSING', 'parent link eth1 does not exist');
    rig.host.failing.set('ensureNetworkLinks', missing);
    await rig.restart();
    expect(rig.host.links.has('br500')).toBe(true);
    expect(rig.log.messages('warn')).toContain('network has a bridge only, no uplink');
    rig.host.failing.clear();
    rig.host.links.add('eth1');
    rig.host.onChange?.onLink(rig.host.link('eth1'), false);
    await rig.clock.pass(1_000);
    expect(rig.host.links.has('eth1.500')).toBe(true);
  });

  it('links cannot be listed: calls wait, and it goes on when they can', async () => {
    await rig.join();
    rig.host.failing.set('listEndpointLinks', new Error('spawn ip EMFILE'));
    const restarted = rig.restart();
    await rig.clock.pass(5_000);
    expect(new Set(rig.log.messages('error'))).toEqual(
      new Set(['links of containers cannot be listed yet; calls of Docker wait for it']),
    );
    expect(rig.log.messages('error').length).toBeLessThan(6);
    rig.host.failing.clear();
    await rig.clock.pass(30_000);
    await restarted;
    expect(places()).toEqual([INSIDE]);
  });

  it('addresses that cannot be looked at keep no held lease from being recovered', async () => {
    rig.addresses.recover = () => Promise.reject(new Error('boom'));
    await rig.restart();
    expect(rig.log.messages('info')).toContain('state recovered');
  });

  it('an endpoint whose socket cannot be opened', async () => {
    rig.wire.openProblem = () => new PluginError('SOCKET_FAILED', 'link is down');
    await rig.restart();
    expect(rig.log.messages('error')).toEqual(['endpoint not recovered']);
    expect(rig.store.endpoints).toHaveLength(1);
    rig.wire.openProblem = () => undefined;
    await rig.createEndpoint({ endpointId: SECOND });
    expect(rig.store.endpoints).toHaveLength(2);
  });

  it('an endpoint that cannot be cleared', async () => {
    await rig.createEndpoint({ endpointId: SECOND });
    rig.host.loseEndpoint(rig.record().hostEnd);
    rig.store.failing.add('delete leases');
    await rig.restart();
    expect(rig.log.messages('error')).toEqual(['endpoint not recovered']);
    expect(rig.leases.size).toBe(1);
  });

  it('a link of nobody that cannot be removed', async () => {
    rig.host.endpoints.set('vdhx', { containerEnd: 'vdcx', here: true, mtu: 1500 });
    rig.host.failing.set('removeEndpointLink', new Error('ip failed'));
    await rig.restart();
    expect(rig.log.messages('error')).toEqual(['link of nobody not removed']);
    expect(rig.leases.size).toBe(1);
  });
});
