/** What metrics are told of a container's IPv6: how long it took, and what was asked again. */
import { expect, test } from 'vitest';
import { DriverRig } from '../../support/fakes/driver-rig.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { MemoryIpv6 } from '../../support/lan/memory-ipv6.ts';
import { ADDRESS6 } from '../../support/frames/messages6.ts';
import { PREFIX, Wire } from './ipv6-wire.ts';

const types = (wire: Wire) => wire.asked.map(({ type }) => type);

/** Lets time pass until the client has sent so many messages of that type. */
async function until(wire: Wire, type: string, count: number): Promise<void> {
  for (let step = 0; step < 10_000; step += 1) {
    if (types(wire).filter((one) => one === type).length >= count) return;
    await wire.clock.pass(1_000);
  }
  throw new Error(`no ${count} ${type} but ${types(wire).join(' ')}`);
}

async function leased(): Promise<Wire> {
  const wire = new Wire('dhcp');
  wire.client.start(undefined, 0);
  await until(wire, 'SOLICIT', 2);
  wire.answer('ADVERTISE');
  await wire.clock.pass(20);
  wire.answer('REPLY');
  return wire;
}

test('a lease: the REQUEST was answered in 20 ms, and the first SOLICIT was sent again', async () => {
  const wire = await leased();
  const [acquired] = wire.changes;
  expect(acquired).toMatchObject({ change: 'acquired', answerMs: 20 });
  expect(acquired?.tookMs).toBeGreaterThan(1000);
  expect(wire.repeated).toEqual(['SOLICIT']);
});

test('a renewal: from the first RENEW, whatever else was heard meanwhile', async () => {
  const wire = await leased();
  await until(wire, 'RENEW', 2);
  wire.answer('REPLY', { serverId: null });
  const asked = wire.clock.now();
  await wire.clock.pass(30);
  wire.answer('REPLY');
  const renewed = wire.changes.at(-1);
  expect(renewed).toMatchObject({ change: 'renewed' });
  expect(renewed).not.toHaveProperty('tookMs');
  expect(renewed?.answerMs).toBeGreaterThan(wire.clock.now() - asked);
  expect(wire.repeated).toEqual(['SOLICIT', 'RENEW']);
});

test('a lease that a server takes back, or that ends, has no answer time', async () => {
  const withdrawn = await leased();
  await until(withdrawn, 'RENEW', 1);
  withdrawn.answer('REPLY', { addresses: [[ADDRESS6, 0, 0]] });
  expect(withdrawn.changes.at(-1)).toMatchObject({ change: 'lost', answerMs: undefined });
  const silent = await leased();
  await silent.clock.pass(3_700_000);
  expect(silent.changes.at(-1)).toMatchObject({ change: 'lost', answerMs: undefined });
  expect(new Set(silent.repeated)).toEqual(new Set(['SOLICIT', 'RENEW', 'REBIND']));
});

test('an address of a prefix: how long the router took, and no answer of a server', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  await wire.clock.pass(40);
  wire.hear(PREFIX);
  expect(wire.changes).toMatchObject([{ change: 'acquired', tookMs: 40, answerMs: undefined }]);
  expect(wire.repeated).toEqual([]);
});

test('a lease that is given back is told again, and counts as no question', async () => {
  const { lease } = (await leased()).client.terms;
  if (lease === undefined) throw new Error('no lease');
  const leaving = new Wire('dhcp');
  leaving.client.release('br500', lease, () => undefined);
  await leaving.clock.pass(60_000);
  expect([types(leaving).length, leaving.repeated]).toEqual([4, []]);
});

test('the events of a container with both families say which is which', async () => {
  const clock = new FakeClock();
  const ipv6 = new MemoryIpv6(clock);
  const rig = new DriverRig({ clock, ipv6 });
  const site = { parent: 'eth1', vlan: '500', acd: 'off', ipv6: 'dhcp' };
  await rig.createNetwork({ options: site });
  expect(rig.operator.networks()).toMatchObject([{ families: [4, 6] }]);
  await rig.createEndpoint();
  await rig.join();
  const aNumber = expect.any(Number) as number;
  const acquired = rig.events.filter(({ type }) => type === 'lease.acquired');
  const byFamily = [4, 6].map((family) =>
    acquired.find((event) => 'family' in event && event.family === family),
  );
  expect(byFamily).toMatchObject([
    { family: 4, answerMs: aNumber, tookMs: aNumber },
    { family: 6, answerMs: aNumber, tookMs: aNumber },
  ]);
  ipv6.server.mood = 'silent';
  await clock.pass(1_700_000);
  const asked = rig.counted.filter((event) => 'family' in event && event.family === 6);
  expect(asked[0]).toMatchObject({
    ...{ type: 'request.repeated', message: 'RENEW', segment: 'VLAN 500 of eth1' },
  });
  rig.stop();
});
