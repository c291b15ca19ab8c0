/**
 * The plugin is killed after each single write while it makes the link of a running container
 * again. Every next start finishes the work: link, address, route and lease are there.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { outcome, recordOutcomes } from '../support/outcomes.ts';
import { ip, linkNames, until } from '../support/netns.ts';
import { PluginSite, type Container } from '../support/plugin-site.ts';

recordOutcomes();
vi.setConfig({ testTimeout: 500_000, hookTimeout: 120_000 });

const KILLER = new URL('../support/kill-after-writes.mjs', import.meta.url).href;

let site: PluginSite;
beforeAll(async () => {
  site = await PluginSite.start();
});
afterAll(() => site.dispose());

/** Starts the plugin. After SIGUSR2 it lives for that many writes. */
function startToDieAfter(writes: number): Promise<number> {
  return site.plugin.start(['env', `KILL_AFTER=${writes}`, `NODE_OPTIONS=--import=${KILLER}`]);
}

/** @returns true if the plugin was killed; false if it had finished before. */
async function parentComesBack(container: Container): Promise<boolean> {
  const { plugin } = site;
  const before = plugin.log.length;
  process.kill(plugin.pid, 'SIGUSR2');
  ip('link del eth1');
  site.plug('eth1');
  const isMade = () =>
    plugin.log.slice(before).some(({ msg }) => msg === 'link of a running container made again');
  await until('it is killed, or has finished', () => !plugin.isAlive || isMade());
  if (plugin.isAlive) await site.allReach([container]);
  return !plugin.isAlive;
}

test.each(['macvlan', 'ipvlan'])('mode=%s', async (mode) => {
  const row = outcome('F', `mode=${mode}: killed after every write while a link is made again`);
  site.plug('eth1');
  const before = linkNames();
  const network = await site.network({ parent: 'eth1', vlan: '500', mode });
  const [container] = await site.containers(network, 1);
  let writes = 1;
  for (; ; writes += 1) {
    await site.plugin.end();
    await startToDieAfter(writes);
    await site.allReach([container!]);
    if (!(await parentComesBack(container!))) break;
  }
  await site.remove(network, [container!]);
  expect(linkNames()).toEqual(before);
  ip('link del eth1');
  expect(writes).toBeGreaterThan(5);
  row.seen = `${writes - 1} moments, each time joined again by the next start`;
  row.leftovers = 0;
});
