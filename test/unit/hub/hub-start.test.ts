/** A hub that starts on a host where something is wrong: what works is served. */
import { expect, it } from 'vitest';
import { UplinkWorld } from '../../support/uplink/uplink-world.ts';

it('one port that cannot be made does not keep the others from their hub, and is tried again', async () => {
  const world = new UplinkWorld();
  await world.until(world.host().uplinks.join(await world.invite(), 'uplink0'));
  world.startHub();
  world.ports = world.tunnel = undefined;
  world.portFault = 'br500 has a port of somebody else';
  await world.hub.start();
  expect(world.tunnel).toMatchObject({ members: [{ name: 'laptop' }] });
  expect(world.ports).toBeUndefined();
  expect(world.log.lines.map(({ message }) => message)).toContain(
    'hub: not all links are made; they are tried again',
  );
  world.portFault = undefined;
  await world.clock.pass(10_000);
  expect(world.ports).toMatchObject({ members: [{ name: 'laptop' }] });
  world.hub.close();
});

it('without a tunnel nobody can be served, so the hub does not start', async () => {
  const world = new UplinkWorld();
  world.kernelFault = 'no WireGuard';
  await expect(world.hub.start()).rejects.toThrow('no WireGuard');
});

it('a disk that is full does not keep members from their hub, and what is over ends when it has room', async () => {
  const world = new UplinkWorld();
  const host = world.host();
  await world.until(host.uplinks.join(await world.invite(), 'uplink0'));
  const [member] = world.store.contents.members;
  if (member === undefined) throw new Error('no member');
  const nextKey = { key: member.publicKey, since: world.clock.wall() - 60_000 };
  world.store.members.set(member.number, { ...member, nextKey });
  world.store.isFull = true;
  world.startHub();
  world.tunnel = undefined;
  await world.hub.start();
  expect(world.tunnel).toMatchObject({ members: [{ name: 'laptop' }] });
  await world.clock.pass(60_000);
  const told = () =>
    world.log.lines.filter(({ message }) => message.includes('could not be ended'));
  expect(told().length).toBeLessThan(10); // each 10 s, and not each second
  world.store.isFull = false;
  await world.clock.pass(10_000);
  expect(world.store.members.get(member.number)?.nextKey).toBeUndefined();
  world.hub.close();
});
