/** A change costs what has changed. All of it is looked at soon after. */
import { expect, it } from 'vitest';
import { UplinkWorld } from '../../support/uplink/uplink-world.ts';

async function started(): Promise<UplinkWorld> {
  const world = new UplinkWorld();
  await world.hub.start();
  return world;
}

it('joins and other changes look at nothing, and 10 s after the last one there is one look', async () => {
  const world = await started();
  const first = world.looks;
  expect(first).toBeGreaterThan(0);
  await world.until(world.host().uplinks.join(await world.invite(), 'uplink0'));
  await world.operator.setVlans('laptop', [500]);
  await world.clock.pass(9_500);
  expect(world.looks).toBe(first);
  await world.clock.pass(1_500);
  expect(world.looks).toBe(first + 2); // at the tunnel, and at the ports
  await world.clock.pass(3_600_000);
  expect(world.looks).toBe(first + 2);
  world.hub.close();
});

it('changes that never end put the look off for 5 minutes, and not for longer', async () => {
  const world = await started();
  await world.until(world.host().uplinks.join(await world.invite(), 'uplink0'));
  const first = world.looks;
  for (let second = 0; second < 295; second += 5) {
    await world.operator.setVlans('laptop', [500, 600 + second]);
    await world.clock.pass(5_000);
  }
  expect(world.looks).toBe(first);
  for (let second = 295; second < 305; second += 5) {
    await world.operator.setVlans('laptop', [500, 600 + second]);
    await world.clock.pass(5_000);
  }
  expect(world.looks).toBe(first + 2);
  world.hub.close();
});

it('after a change that failed it is not known what there is, so the next one looks', async () => {
  const world = await started();
  await world.until(world.host().uplinks.join(await world.invite(), 'uplink0'));
  const first = world.looks;
  world.portFault = 'br500 has a port of somebody else';
  await expect(world.operator.setVlans('laptop', [500])).rejects.toThrow('of somebody else');
  world.portFault = undefined;
  await world.operator.setVlans('laptop', [500, 600]);
  expect(world.looks).toBeGreaterThan(first);
  world.hub.close();
});
