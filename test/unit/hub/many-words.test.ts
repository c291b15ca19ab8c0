/** A member that asks without end, against the queue in which an operator's revoke waits. */
import { expect, it, vi } from 'vitest';
import { generateKey, publicKeyOf } from '../../../plugin/uplink/wireguard-key.ts';
import { UplinkWorld } from '../../support/uplink/uplink-world.ts';

it('many words of a member that changes its key are one look at the kernel', async () => {
  const world = new UplinkWorld();
  const host = world.host();
  await world.until(host.uplinks.join(await world.invite(), 'uplink0'));
  const from = host.kernel?.address ?? '';
  await world.answers.rotate(from, publicKeyOf(generateKey()));
  const peers = vi.spyOn(world.hub, 'peers');
  const gone = new AbortController().signal;
  for (let at = 0; at < 20; at += 1) void world.answers.self(from, undefined, gone);
  await world.hub.turn(() => Promise.resolve());
  expect(peers).toHaveBeenCalledTimes(1);
  host.uplinks.close();
  world.hub.close();
});
