/**
 * Part `burst`: many containers at once, by the engine's API, on our networks, on macvlan with
 * static addresses, and on Docker's bridge. Also all containers of a host when its daemon starts,
 * and containers with a server that pings before it offers.
 */
import { lab, labWith, run } from '../../test/support/lab/lab.ts';
import {
  countReady,
  create,
  removedAfter,
  startAll,
  waitForAll,
  type Burst,
} from '../site/containers.ts';
import { atRest, awake } from '../site/machine.ts';
import { rounds, scaled } from '../options.ts';
import { inTurn, way } from '../figures/turns.ts';
import { setFirewall, usualFirewall } from '../site/firewall.ts';
import { atMost, held, PartReport } from '../figures/result.ts';
import { engineUp, linksUp, serverUp } from '../site/site.ts';
import {
  BRIDGE,
  MACVLAN,
  MACVLAN_IPAM,
  OUR_IPVLAN,
  OUR_MACVLAN,
  prepare,
  VLANDHCP,
  VLANDHCP_IPAM,
  type Variant,
} from '../site/variants.ts';

const SIZES = [50, 100];
const AT_BOOT = 100;
const BOOT_WITHIN_MS = 180_000;
const NONE_FAIL = atMost(0);
const LEASED: readonly Variant[] = [VLANDHCP, VLANDHCP_IPAM, MACVLAN_IPAM, OUR_MACVLAN, OUR_IPVLAN];

export async function burst(): Promise<void> {
  const firewall = usualFirewall();
  const report = new PartReport({
    part: 'burst',
    where: `host kernel, untagged links, Docker Engine 28.5, state in memory, plugin as a service, dnsmasq, ${firewall.name}`,
    method:
      'containers made beforehand, then started at once by the API, until the last answer; variants in turn',
  });
  linksUp();
  // Before the engine: it finds forwarding on, and does not change the policy.
  setFirewall(firewall);
  let server = await serverUp({ ping: false });
  try {
    await engineUp();
    // The usual level: 15 lines less for each container.
    await labWith({ LOG_LEVEL: 'info' }, 'service-up');
    const variants: Variant[] = [];
    for (const variant of [MACVLAN, BRIDGE, ...LEASED]) {
      const refusal = await prepare(variant);
      if (refusal === undefined) variants.push(variant);
      else report.unavailable(variant.name, 's', refusal);
    }
    for (const size of SIZES) await atOnce(scaled(size), variants, report);
    await atBoot(scaled(AT_BOOT), variants, report);
    const leased = variants.filter((variant) => LEASED.includes(variant));
    for (const size of SIZES) {
      for (const variant of leased) {
        const freshServer = async () => {
          await server.stop(); // an overloaded server pings less
          server = await serverUp({ ping: true });
        };
        await againstPing(scaled(size), variant, freshServer, report);
      }
    }
  } finally {
    report.write();
    await run('scripts/lab/in-lab', ['service-down']);
    await run('scripts/lab/in-lab', ['engine-down']);
    await server.stop();
  }
}

async function atOnce(
  size: number,
  variants: readonly Variant[],
  report: PartReport,
): Promise<void> {
  const title = ({ name }: Variant) => `${size} at once: ${name}`;
  const failed = new Map(variants.map((variant) => [variant, 0]));
  const ways = variants.map((variant) =>
    way(title(variant), 's', async () => {
      const { ms, failures } = await awake(title(variant), () => startOnce(size, variant));
      tell(title(variant), failures);
      failed.set(variant, (failed.get(variant) ?? 0) + failures.length);
      return ms / 1000;
    }),
  );
  await inTurn(ways, { warmUps: 1, rounds: rounds(5) }, report);
  conclude(title, variants, failed, report);
}

/** Failures are those that the engine reports, and containers without an address of their own. */
async function startOnce(size: number, variant: Variant): Promise<Burst> {
  const ids = await create(size, variant.network);
  return removedAfter(ids, async () => {
    await atRest();
    const { ms, failures } = await startAll(ids);
    const lacking = size - (await countReady(ids, variant.network));
    const silent = Math.max(0, lacking - failures.length);
    return { ms, failures: [...failures, ...Array<string>(silent).fill('no address')] };
  });
}

function tell(title: string, failures: readonly string[]): void {
  if (failures[0] !== undefined) process.stderr.write(`${title}: ${failures[0]}\n`);
}

/** Stops and starts the daemon. The server still has the leases of the time before. */
async function atBoot(
  size: number,
  variants: readonly Variant[],
  report: PartReport,
): Promise<void> {
  const title = ({ name }: Variant) => `${size} at daemon boot: ${name}`;
  const failed = new Map(variants.map((variant) => [variant, 0]));
  const ways = variants.map((variant) =>
    way(title(variant), 's', async () => {
      const { ms, lacking } = await awake(title(variant), () => bootOnce(size, variant));
      failed.set(variant, (failed.get(variant) ?? 0) + lacking);
      return ms / 1000;
    }),
  );
  await inTurn(ways, { warmUps: 0, rounds: rounds(3) }, report);
  conclude(title, variants, failed, report);
}

async function bootOnce(size: number, variant: Variant): Promise<{ ms: number; lacking: number }> {
  const ids = await create(size, variant.network, 'always');
  return removedAfter(ids, async () => {
    await startAll(ids);
    await lab('engine-down');
    await atRest();
    const before = performance.now();
    await engineUp();
    const waited = await waitForAll(ids, variant.network, BOOT_WITHIN_MS);
    const ms = performance.now() - before;
    const lacking = waited === undefined ? size - (await countReady(ids, variant.network)) : 0;
    return { ms, lacking };
  });
}

/**
 * dnsmasq pings for 3 s before an offer, one client at a time. After six of these within 30 s it
 * takes itself for overloaded and stops pinging. So the limit is 18 s, whatever the number of
 * containers.
 */
async function againstPing(
  size: number,
  variant: Variant,
  freshServer: () => Promise<void>,
  report: PartReport,
): Promise<void> {
  const name = `${size} at once, server pings 3 s: ${variant.name}`;
  const once = way(name, 's', async () => {
    const { ms, failures } = await awake(name, async () => {
      await freshServer();
      return startOnce(size, variant);
    });
    tell(name, failures);
    report.fact(`${name}: failures`, failures.length, '', held(failures.length, NONE_FAIL));
    return ms / 1000;
  });
  await inTurn([once], { warmUps: 0, rounds: 1 }, report);
}

function conclude(
  title: (variant: Variant) => string,
  variants: readonly Variant[],
  failed: ReadonlyMap<Variant, number>,
  report: PartReport,
): void {
  for (const variant of variants) {
    const goal = LEASED.includes(variant) ? atMost(1.1) : undefined;
    if (variant !== MACVLAN) report.ratio(title(variant), title(MACVLAN), goal);
    // Our network is also a bridge. This shows which part of the difference comes from the bridge.
    if (goal !== undefined && variant !== MACVLAN_IPAM) report.ratio(title(variant), title(BRIDGE));
    if (report.samples(title(variant)).length === 0) continue; // its row says why
    const failures = failed.get(variant) ?? 0;
    report.fact(`${title(variant)}: failures`, failures, '', held(failures, NONE_FAIL));
  }
}
