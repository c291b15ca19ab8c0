/** The plugin is killed right after each single write of each call: no lease is lost twice, or with two at once. */
import { expect, it } from 'vitest';
import { DriverRig, ENDPOINT, BOX, NETWORK } from '../../support/driver-rig.ts';

type Step = readonly [string, (rig: DriverRig) => Promise<unknown>];

let poolId = '';
const given = { address: '192.0.2.50/24', macAddress: BOX };
const LIFE: readonly Step[] = [
  ['RequestAddress', (rig) => rig.requestAddress(poolId)],
  ['CreateEndpoint', (rig) => rig.createEndpoint({ userMac: BOX, interface: given })],
  ['Join', (rig) => rig.join()],
  ['Leave', (rig) => rig.driver.leave(ENDPOINT)],
  ['DeleteEndpoint', (rig) => rig.driver.removeEndpoint(ENDPOINT)],
  ['ReleaseAddress', (rig) => rig.ipam.releaseAddress(poolId, '192.0.2.50')],
  ['DeleteNetwork', (rig) => rig.driver.removeNetwork(NETWORK)],
];

/** Stops at the end of a write: what comes after it never happens. @returns whether it came to that. */
async function killedAfter(rig: DriverRig, write: number, work: () => Promise<unknown>) {
  let writes = 0;
  let isKilled = false;
  let killed = () => {};
  const death = new Promise<void>((resolve) => (killed = resolve));
  const after = async (done: Promise<void>): Promise<void> => {
    if (isKilled) return new Promise(() => {});
    await done;
    writes += 1;
    if (writes !== write) return;
    isKilled = true;
    killed();
    await new Promise(() => {});
  };
  const [save, remove] = [rig.store.save.bind(rig.store), rig.store.delete.bind(rig.store)];
  rig.store.save = (...words) => after(save(...words));
  rig.store.delete = (...words) => after(remove(...words));
  await Promise.race([death, work()]);
  rig.store.save = save;
  rig.store.delete = remove;
  return isKilled;
}

/** @returns what is wrong with the state; nothing if all is well. */
function problemsOf(rig: DriverRig): string[] {
  const { leases } = rig.store.contents;
  const owners = leases.map(({ scopeId, clientId }) => `${scopeId} ${clientId}`);
  const ends = rig.store.endpoints.map(({ hostEnd }) => hostEnd);
  return [
    ...(new Set(owners).size === owners.length ? [] : ['two records of one lease']),
    ...(rig.store.endpoints.length > 1 ? ['two endpoints'] : []),
    ...[...rig.host.endpoints.keys()]
      .filter((link) => !ends.includes(link))
      .map((link) => `link ${link} of nobody`),
  ];
}

it.each(LIFE.map(([name], index) => [name, index] as const))('%s', async (_name, index) => {
  let write = 1;
  for (let isKilled = true; isKilled; write += 1) {
    const rig = new DriverRig();
    poolId = await rig.createIpamNetwork({ pool: { pool: '192.0.2.0/24' } });
    for (const [, before] of LIFE.slice(0, index)) await before(rig);
    isKilled = await killedAfter(rig, write, () => LIFE[index]![1](rig));
    await rig.restart();
    expect(problemsOf(rig)).toEqual([]);
    rig.stop();
  }
});
