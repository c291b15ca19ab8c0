/** When the hub looks at its firewall, and what it says of it. */
import { expect, it } from 'vitest';
import { FirewallWatch } from '../../../plugin/hub/firewall-watch.ts';
import { UplinkWorld } from '../../support/uplink/uplink-world.ts';

it('looks at a start and after changes, once a second at most, and says a warning once', async () => {
  const world = new UplinkWorld();
  const { clock, log } = world;
  let [guards, looks, warnings] = [0, 0, ['iptables is not installed']];
  let changed = (): void => undefined;
  const watch = new FirewallWatch({
    links: {
      guard: () => {
        guards += 1;
        return Promise.resolve();
      },
      acceptMembers: () => {
        expect(guards).toBe((looks += 1));
        changed(); // its own rules
        return Promise.resolve(warnings);
      },
      watchFirewall: (_, onChange) => {
        changed = onChange;
        return { close: () => (changed = () => undefined) };
      },
    },
    ...{ clock, log, turn: (work) => work(), desired: () => world.hub.desired() },
  });
  await clock.pass(100);
  expect(looks).toBe(1);
  await clock.pass(10_000);
  expect(looks).toBeLessThanOrEqual(11);
  const told = () => log.lines.map(({ message }) => message);
  expect(told()).toEqual(['iptables is not installed']);
  warnings = [];
  await clock.pass(1_000);
  warnings = ['iptables is not installed'];
  await clock.pass(2_000);
  expect(told()).toHaveLength(2);
  watch.close();
  const before = looks;
  changed();
  await clock.pass(5_000);
  expect(looks).toBe(before);
});

it('a look that fails is told, and does not end the hub', async () => {
  const world = new UplinkWorld();
  const { clock, log } = world;
  const watch = new FirewallWatch({
    links: {
      guard: () => Promise.resolve(),
      acceptMembers: () => Promise.reject(new Error('EMFILE')),
      watchFirewall: () => ({ close: () => undefined }),
    },
    ...{ clock, log, turn: (work) => work(), desired: () => world.hub.desired() },
  });
  await clock.pass(100);
  expect(log.lines.map(({ message }) => message)).toEqual([
    'hub: rules of the firewall for members not looked at',
  ]);
  watch.close();
});
