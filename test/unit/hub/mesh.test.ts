/** Who is in the mesh: what the hub tells and what its kernel gets. */
import { expect, it } from 'vitest';
import { UplinkWorld } from '../../support/uplink/uplink-world.ts';

it('a member of the mesh that waits for approval reaches nobody, and is told to nobody', async () => {
  const world = new UplinkWorld();
  const [laptop, cloud] = [world.host(), world.host()];
  await world.until(laptop.uplinks.join(await world.invite('laptop', { mesh: true }), 'uplink0'));
  const held = { mesh: true, approve: true };
  await world.until(cloud.uplinks.join(await world.invite('cloud', held), 'uplink0'));
  const others = async ({ kernel }: typeof laptop) =>
    (await world.answers.others(kernel?.address ?? '')).body;
  const inMesh = () => world.tunnel?.members.map(({ name, mesh }) => [name, mesh]);
  expect(await others(laptop)).toEqual({ members: [] });
  expect(await others(cloud)).toMatchObject({ error: expect.stringContaining('mesh') as string });
  expect(inMesh()).toEqual([
    ['laptop', true],
    ['cloud', false],
  ]);
  expect([laptop.kernel?.mesh, cloud.kernel?.mesh]).toEqual([true, false]);
  await world.operator.approve('cloud');
  await world.clock.pass(1_000);
  expect(await others(laptop)).toMatchObject({ members: [{ name: 'cloud' }] });
  expect([laptop.kernel?.mesh, cloud.kernel?.mesh]).toEqual([true, true]);
  for (const host of [laptop, cloud]) host.uplinks.close();
  world.hub.close();
});
