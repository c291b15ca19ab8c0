/** The rules of a hub, changed in parts: what they are then, and what goes on while they change. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { HubDesired, HubMember } from '../../../plugin/hub/desired.ts';
import { hubTableNames, hubTables } from '../../../plugin/hub/kernel/guards.ts';
import { hubLinks } from '../../../plugin/hub/kernel/hub-links.ts';
import { memberTableName } from '../../../plugin/uplink/kernel/member-guards.ts';
import { ensureTables, removeTables } from '../../../plugin/uplink/kernel/nft-tables.ts';
import { memberLinks } from '../../../plugin/uplink/kernel/tunnel-links.ts';
import { generateKey, publicKeyOf } from '../../../plugin/uplink/wireguard-key.ts';
import {
  enterSandbox,
  run,
  until,
  type Sandbox,
  type TestNamespace,
} from '../../support/lab/netns.ts';
import { inside } from '../../support/uplink/tunnel-site.ts';

let sandbox: Sandbox;
let hub: TestNamespace;
/** Here each step is made from nothing. */
let fresh: TestNamespace;

beforeAll(() => {
  sandbox = enterSandbox();
  [hub, fresh] = [sandbox.addNamespace(), sandbox.addNamespace()];
});

beforeEach(async () => {
  for (const where of [hub, fresh]) {
    await inside(where, () => removeTables(hubTableNames('vdhub')));
  }
});

afterAll(() => sandbox.dispose());

const key = publicKeyOf(generateKey());
const member = (number: number, more: Partial<HubMember> = {}): HubMember => ({
  ...{ name: `m${number}`, number, publicKey: key, vlans: [500], mesh: false },
  ...{ address: `10.83.41.${number}`, vni: 7_758_848 + number },
  ...more,
});
const desired = (...members: HubMember[]): HubDesired => ({
  ...{ device: 'vdhub', privateKey: generateKey(), listenPort: 51820, prefixLength: 24 },
  ...{ address: '10.83.41.1', trunk: 'eth1', mtu: 1500, members, guests: [] },
});
const ensure = (where: TestNamespace, ...members: HubMember[]) =>
  inside(where, () => ensureTables(hubTables(desired(...members))));
/** Chains and counters in the order of their names. A new chain is the last one of its table. */
const objects = (where: TestNamespace) =>
  (['inet', 'bridge'] as const).map((family) =>
    where
      .run(() => run('nft', ['-s', 'list', 'table', family, 'vlandhcp_vdhub']))
      .replace(/^table .*\{$|^\}$/gm, '')
      .split(/\n(?=\t(?:chain|counter) )/)
      .map((one) => one.trim())
      .filter((one) => one !== '')
      .sort(),
  );
/** Of a rule, which is another one if it was written anew. */
const handles = (chain: string) =>
  hub
    .run(() => run('nft', ['-a', 'list', 'chain', 'bridge', 'vlandhcp_vdhub', chain]))
    .match(/# handle \d+/g);

test('tables that are changed in parts are the same as tables that are made from nothing', async () => {
  const steps = [
    [member(2)],
    [member(2), member(3)],
    [member(2, { vlans: [500, 600] }), member(3)],
    [member(2, { pathMtu: 1300 }), member(3, { vlans: [] })],
    [member(2, { mesh: true }), member(3, { mesh: true, manage: { port: undefined } })],
    [member(3)],
    [],
    Array.from({ length: 100 }, (_, index) => member(index + 2)),
  ];
  for (const members of steps) {
    await ensure(hub, ...members);
    await inside(fresh, () => removeTables(hubTableNames('vdhub')));
    await ensure(fresh, ...members);
    expect(objects(hub)).toEqual(objects(fresh));
  }
});

test('limits and counters of a member go on when another one joins, leaves or has another way', async () => {
  await ensure(hub, member(2), member(3));
  const before = handles('broadcast_3');
  const shared = handles('from_member');
  await ensure(hub, member(2, { pathMtu: 1300 }), member(3), member(4));
  await ensure(hub, member(3), member(4));
  expect(handles('broadcast_3')).toEqual(before);
  // The test can fail: what has changed is written anew. So is all of a table made from nothing.
  expect(handles('from_member')).not.toEqual(shared);
  await inside(hub, () => removeTables(hubTableNames('vdhub')));
  await ensure(hub, member(3), member(4));
  expect(handles('broadcast_3')).not.toEqual(before);
});

test('rules that somebody else has changed are made right with the next change, and without one', async () => {
  await ensure(hub, member(2));
  const right = objects(hub);
  const spoil = () =>
    hub.run(() => run('nft', ['flush', 'chain', 'inet', 'vlandhcp_vdhub', 'tunnel']));
  for (let round = 0; round < 2; round += 1) {
    spoil();
    expect(objects(hub)).not.toEqual(right);
    await ensure(hub, member(2));
    expect(objects(hub)).toEqual(right);
    spoil();
    await ensure(hub, member(2), member(3));
    await ensure(hub, member(2));
    expect(objects(hub)).toEqual(right);
  }
});

test('rules that a flush of all rules took away are told, and made again without a change', async () => {
  const wanted = desired(member(2), member(3));
  await ensure(hub, member(2), member(3));
  const right = objects(hub);
  await inside(hub, async () => {
    const told = new Promise<void>((resolve) => {
      const watch = hubLinks.watchFirewall('vdhub', () => {
        watch.close();
        resolve();
      });
    });
    run('nft', ['flush', 'ruleset']);
    await told;
    await hubLinks.guard(wanted);
  });
  expect(objects(hub)).toEqual(right);
});

test('a member is told that its rules are gone, and of no other change of rules', async () => {
  const table = (rule: string) => ({
    ...memberTableName('uplink0'),
    body: `counter frames {}\nchain input {\ntype filter hook input priority 0; policy accept;\n${rule}\n}\n`,
  });
  let told = 0;
  await inside(hub, async () => {
    await ensureTables([table('accept')]);
    const watch = memberLinks.watchGone('uplink0', () => (told += 1));
    await ensureTables([table('drop')]);
    run('nft', ['add', 'table', 'ip', 'others']);
    run('nft', ['delete', 'table', 'ip', 'others']);
    run('nft', ['flush', 'ruleset']);
    await until('it is told', () => told > 0);
    watch.close();
  });
  expect(told).toBe(1);
});

test('where others change rules of their own, those of the hub stay as they are', async () => {
  await ensure(hub, member(2), member(3));
  let count = 0;
  const others = () => hub.run(() => run('nft', ['add', 'table', 'ip', `docker${(count += 1)}`]));
  others();
  // It is not known yet whether they have changed ours.
  await ensure(hub, member(2), member(3));
  const before = handles('broadcast_3');
  for (let round = 0; round < 2; round += 1) {
    others();
    await ensure(hub, member(3));
    others();
    await ensure(hub, member(3), member(4));
    expect(handles('broadcast_3')).toEqual(before);
  }
});
