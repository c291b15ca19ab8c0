/** What a join that failed says, and leaves to the joins after it, under virtual time. */
import * as v from 'valibot';
import { expect, it } from 'vitest';
import { refusal } from '../../../plugin/uplink/protocol/registrar-protocol.ts';
import { UplinkWorld } from '../../support/uplink/uplink-world.ts';

it('a token that failed before never costs another uplink its key', async () => {
  const world = new UplinkWorld();
  const host = world.host();
  const ofSilentSite = await new UplinkWorld({ site: 'lab' }).invite();
  const join = (token: string, device: string) => world.until(host.uplinks.join(token, device));
  await expect(join(ofSilentSite, 'uplink0')).rejects.toThrow(/not answer/);
  await join(await world.invite(), 'uplink0');
  const key = host.disk.get('uplink0')?.privateKey;
  await expect(join(ofSilentSite, 'uplink1')).rejects.toThrow(/not answer/);
  expect(key).toBeDefined();
  expect(host.disk.get('uplink0')?.privateKey).toBe(key);
});

it('a token that failed and expired leaves no key on the disk after the next join', async () => {
  const world = new UplinkWorld();
  const host = world.host();
  const ofSilentSite = await new UplinkWorld({ site: 'lab' }).invite('x', { expiresMs: 60_000 });
  await expect(world.until(host.uplinks.join(ofSilentSite, 'uplink1'))).rejects.toThrow();
  expect([...host.disk.keys()]).toEqual(['uplink1']);
  await world.clock.pass(61_000);
  await world.until(host.uplinks.join(await world.invite(), 'uplink0'));
  expect([...host.disk.keys()]).toEqual(['uplink0']);
});

it('a hub that answers and cannot is named with its reason, and the same token joins later', async () => {
  const world = new UplinkWorld();
  const host = world.host();
  const token = await world.invite();
  world.store.isFull = true;
  await expect(world.until(host.uplinks.join(token, 'uplink0'))).rejects.toThrow(
    'the hub of "hq" answers, and cannot make this host a member: state cannot be written: ENOSPC; mend that at the hub, then join again with the same token',
  );
  expect([host.kernel, world.store.members.size]).toEqual([undefined, 0]);
  world.store.isFull = false;
  await world.until(host.uplinks.join(token, 'uplink0'));
  expect(world.ports?.members).toHaveLength(1);
});

it('what a hub says when it refuses moves no cursor of a terminal', () => {
  const said = { error: 'no\u001b[2J\u009b1A\r\n', usedBy: 'a\u0007' };
  expect(v.parse(refusal, said)).toEqual({ error: 'no?[2J?1A??', usedBy: 'a?' });
});
