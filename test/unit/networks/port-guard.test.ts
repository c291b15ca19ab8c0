import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownEnd } from '../../../plugin/vocabulary/attachment.ts';
import { ENDPOINT, rigWithNetwork, SANDBOX } from '../../support/fakes/driver-rig.ts';
import type { DriverRig } from '../../support/fakes/driver-rig.ts';

const SECOND = 'f'.repeat(64);

let rig: DriverRig;
beforeEach(async () => {
  rig = await rigWithNetwork();
  await rig.createEndpoint();
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

const mayLease = (id = ENDPOINT) => rig.host.guards.get(ownEnd(rig.record(id)))?.leases;
const told = () => rig.log.messages('warn').filter((line) => line.includes('is not guarded'));
const noDescriptor = () => rig.host.failing.set('guardEndpoints', new Error('socket: EMFILE'));

describe('a port that cannot be guarded', () => {
  it('lets Join succeed: the lease follows the link, and the port is guarded as soon as it can be', async () => {
    noDescriptor();
    await rig.join();
    expect(rig.wire.places.map(({ netnsPath }) => netnsPath)).toEqual([SANDBOX]);
    expect(mayLease()).toBe(true); // it was so before Join
    await rig.clock.pass(20_000);
    expect(told()).toHaveLength(1);
    rig.host.failing.clear();
    await rig.clock.pass(20_000);
    expect(mayLease()).toBe(false);
    expect(rig.log.messages('info')).toContain('port guarded now');
    const tries = rig.host.count('guardEndpoints');
    await rig.clock.pass(600_000);
    expect(rig.host.count('guardEndpoints')).toBe(tries);
  });

  it('is tried again at growing intervals, a minute at most', async () => {
    noDescriptor();
    await rig.join();
    const tries = rig.host.count('guardEndpoints');
    await rig.clock.pass(60_000);
    expect(rig.host.count('guardEndpoints') - tries).toBe(5); // after 1, 3, 7, 15, 31 s
    await rig.clock.pass(600_000);
    expect(rig.host.count('guardEndpoints') - tries).toBe(15);
  });

  it('is forgotten with its endpoint', async () => {
    noDescriptor();
    await rig.join();
    await rig.driver.leave(ENDPOINT);
    await rig.driver.removeEndpoint(ENDPOINT);
    rig.host.failing.clear();
    await rig.clock.pass(60_000);
    expect(rig.leftovers.timers).toBe(0);
    expect(rig.log.messages('info')).not.toContain('port guarded now');
  });

  it('after a restart keeps nothing from being recovered, and is tried again', async () => {
    await rig.createEndpoint({ endpointId: SECOND });
    await rig.join();
    await rig.join(SECOND);
    rig.host.guards.clear();
    noDescriptor();
    await rig.restart();
    expect(told()).toHaveLength(2);
    expect(rig.log.messages('info')).toContain('state recovered');
    rig.host.failing.clear();
    await rig.clock.pass(2_000);
    expect([mayLease(), mayLease(SECOND)]).toEqual([false, false]);
  });
});

it('of many is guarded by the rules of that moment: a Join in between is not undone', async () => {
  const ids = Array.from({ length: 70 }, (_, index) => index.toString(16).padStart(64, '0'));
  for (const endpointId of ids) await rig.createEndpoint({ endpointId });
  const last = ids.at(-1)!;
  const guard = rig.host.guardEndpoints.bind(rig.host);
  let isFirst = true;
  rig.host.guardEndpoints = async (...words) => {
    const isJoinDue = isFirst;
    isFirst = false;
    if (isJoinDue) await rig.join(last);
    return guard(...words);
  };
  await rig.endpoints.ports.guardAll();
  expect([mayLease(ids[0]), mayLease(last)]).toEqual([true, false]);
});
