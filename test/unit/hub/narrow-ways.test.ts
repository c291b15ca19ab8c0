/** A member says what passes on the way to it, and the hub cuts what it sends there. */
import { expect, it } from 'vitest';
import { hubTables } from '../../../plugin/hub/kernel/guards.ts';
import { UplinkWorld } from '../../support/uplink/uplink-world.ts';

const clampsOf = (world: UplinkWorld) => {
  const bridge = hubTables(world.tunnel!).find(({ family }) => family === 'bridge');
  return [...bridge!.body.matchAll(/^(?:chain clamp.*|.*jump clamp.*|.*maxseg.*)$/gm)].map(
    ([line]) => line.replace(/ether type (\S+) .* set /, '$1 '),
  );
};

it('a narrow way has a clamp of its own, is kept over a restart of the hub, and ends when it is wide', async () => {
  const world = new UplinkWorld();
  const host = world.host();
  await world.until(host.uplinks.join(await world.invite(), 'uplink0'));
  const from = host.kernel?.address ?? '';
  const wide = clampsOf(world);
  expect(wide).toEqual([
    ...['chain clamp {', 'ip 1326', 'ip6 1306'],
    ...['iifname "vdu*" jump clamp', 'oifname "vdu*" jump clamp'],
  ]);
  expect(await world.answers.path(from, 1196)).toEqual({ status: 204 });
  world.hub.close();
  world.startHub();
  await world.hub.start();
  expect(world.tunnel?.members).toMatchObject([{ address: from, pathMtu: 1196 }]);
  const number = world.tunnel!.members[0]!.number;
  expect(clampsOf(world)).toEqual([
    ...['chain clamp {', 'ip 1326', 'ip6 1306', `chain clamp_${number} {`, 'ip 1102', 'ip6 1082'],
    ...['iifname "vdu*" jump clamp', `iifname "vdu${number}.*" jump clamp_${number}`],
    ...['oifname "vdu*" jump clamp', `oifname "vdu${number}.*" jump clamp_${number}`],
  ]);
  await world.answers.path(from, 1420);
  expect(clampsOf(world)).toEqual(wide);
  // Rules that are replaced begin anew with their limits, so a member does not get it at once.
  expect(await world.answers.path(from, 1036)).toMatchObject({ status: 429 });
  expect(await world.answers.path(from, 1420)).toEqual({ status: 204 });
  expect(clampsOf(world)).toEqual(wide);
  await world.clock.pass(5_000);
  expect(await world.answers.path(from, 1036)).toEqual({ status: 204 });
  expect(await world.answers.path('10.83.41.99', 1196)).toMatchObject({ status: 403 });
  host.uplinks.close();
  world.hub.close();
});
