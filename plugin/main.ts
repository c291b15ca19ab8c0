/**
 * The composition root: settings, logger, store, wiring, recovery, sockets, signals. The only file that acts
 * on import.
 */
import type { Handlers } from './api/handler.ts';
import { ipamDriverHandlers } from './api/ipam-driver.ts';
import { networkDriverHandlers } from './api/network-driver.ts';
import { serve } from './api/server.ts';
import { createClock } from './clock.ts';
import { sweepAbandoned } from './leases/containers-present.ts';
import { Addresses } from './leases/addresses.ts';
import { BridgeAccess } from './networks/bridge-access.ts';
import { Endpoints } from './endpoints/endpoints.ts';
import { HeldLeases } from './leases/held-leases.ts';
import { IpamDriver } from './driver/ipam-driver.ts';
import { withLastingRemovals } from './networks/link-removals.ts';
import { NetworkDriver } from './driver/network-driver.ts';
import { Networks } from './networks/networks.ts';
import { Pools } from './pools/pools.ts';
import { recover } from './driver/recover.ts';
import { Registry } from './state/registry.ts';
import { Wiring } from './networks/wiring.ts';
import { SegmentSilence } from './leases/segment-silence.ts';
import { Store } from './state/store.ts';
import { LeaseReturns } from './leases/lease-returns.ts';
import { LeaseService } from './leasing/lease-service.ts';
import { SegmentInquiry } from './leasing/segment/segment-inquiry.ts';
import { probeSubnet } from './leasing/segment/subnet-probe.ts';
import { surviveUncaughtErrors } from './last-resort.ts';
import { createLogger, type Logger } from './logger.ts';
import { boottime } from './net/boottime.ts';
import { linuxHost } from './net/host.ts';
import { openArpSocket } from './net/sockets/arp-socket.ts';
import { openLeaseSocket } from './net/sockets/lease-socket.ts';
import { probeSandbox } from './net/sandbox/sandbox-link.ts';
import { parseSettings, type Settings } from './settings.ts';
import { runEach } from './undo.ts';

/** Filled in by the bundler from package.json. */
declare const VLANDHCP_VERSION: string;

type Stop = () => Promise<void> | void;

/**
 * Threads for what would block this one. Closing a packet socket keeps one of them for 10 ms: with Node's four,
 * stopping with 4,000 endpoints would take half a minute, and dockerd kills a plugin after ten seconds.
 */
const THREADS = '64';

/**
 * Takes the sockets first: a second instance must learn there that it may not run, before it has touched the
 * state or the links of the first. Calls wait for what comes after.
 * @param stops filled with what has to be stopped, in the order of doing so.
 */
async function start(settings: Settings, log: Logger, stops: Stop[]): Promise<void> {
  const clock = createClock(boottime, (err) => log.error({ err }, 'timer failed'));
  let wire: (handlers: Handlers) => void = () => undefined;
  const wired = new Promise<Handlers>((resolve) => (wire = resolve));
  const server = await serve(settings.sockets, wired, log, clock);
  stops.push(() => server.close());
  const store = await Store.open(settings.stateDir);
  const contents = await store.load();
  for (const problem of contents.problems) log.error({ err: problem }, 'state file not usable');
  for (const damage of contents.damages) log.error({ err: damage }, 'state file damaged');
  const registry = new Registry(store);
  registry.adopt(contents);

  const leases = new LeaseService({
    clock,
    random: Math.random,
    log,
    openSocket: openLeaseSocket,
    openArpSocket,
    probeSandbox,
    onChange: (key, change) => {
      const owner = addresses.owns(key) ? addresses : endpoints;
      owner.leaseChanged(key, change).catch((err: unknown) => {
        log.error({ endpoint: key.slice(0, 12), err }, 'lease change not handled');
      });
    },
    onEntered: (endpointId) => endpoints.sandboxEntered(endpointId),
  });
  const removals = withLastingRemovals(linuxHost, { clock, log });
  const host = { ...linuxHost, ...removals };
  const access = new BridgeAccess({ host, clock, log });
  const inquiry = new SegmentInquiry({ clock, log, openSocket: openLeaseSocket, openArpSocket });
  const returns = new LeaseReturns({ host, inquiry, leases, log });
  const held = new HeldLeases({ registry, clock, log, leases, returns });
  const networks = new Networks({
    ...{ registry, host, access, clock, log },
    made: () => wiring.soon(),
  });
  const shared = {
    ...{ registry, networks, host, leases, held, returns, clock, log },
    silence: new SegmentSilence(clock),
    joinTimeoutMs: settings.joinTimeoutMs,
  };
  const addresses: Addresses = new Addresses({
    ...shared,
    macClaims: {
      take: (key, segment, mac) => endpoints.macClaims.take(key, segment, mac),
      made: (key) => endpoints.macClaims.made(key),
    },
    sandboxFolder: `${settings.dockerRunDir}/netns`,
  });
  const endpoints: Endpoints = new Endpoints({
    ...shared,
    addresses,
    sandboxPath: (key) => key.replace(/^\/(var\/)?run\/docker(?=\/)/, settings.dockerRunDir),
  });
  const wiring: Wiring = new Wiring({
    ...{ registry, host, networks, clock, log },
    ports: {
      guard: (id) => endpoints.ports.guard(id),
      guardAll: () => endpoints.ports.guardAll(),
    },
    mtuChanged: (networkId) => endpoints.changes.networkChanged(networkId),
  });
  const recovered = recover({
    registry,
    networks,
    endpoints,
    addresses,
    held,
    access,
    wiring,
    host,
    clock,
    log,
    isComplete: contents.problems.length === 0,
  });
  // Before the server: containers keep their leases, which the store remembers.
  stops.unshift(
    () => wiring.close(),
    () => access.close(),
    () => removals.close(),
    () => endpoints.close(),
    () => addresses.close(),
    () => held.close(),
    () => inquiry.close(),
    () => leases.close(),
  );
  const driver = new NetworkDriver({
    ...{ registry, networks, endpoints, held, clock, recovered },
    claims: leases,
  });
  const pools = new Pools({
    ...{ registry, host, clock, log },
    askSubnet: (subject, link, limits) =>
      probeSubnet(
        { clock, random: Math.random, openSocket: openLeaseSocket },
        subject,
        link,
        limits,
      ),
  });
  const { requiresMacAddress } = settings;
  const ipam = new IpamDriver({ registry, pools, addresses, held, requiresMacAddress, recovered });
  wire({ ...networkDriverHandlers(driver), ...ipamDriverHandlers(ipam) });
  await recovered;
  stops.unshift(sweepAbandoned({ clock, log, looked: [endpoints, addresses] }));
}

/** Ends the process; a second signal, or a stop that hangs, ends it the hard way. */
function stopOn(signals: readonly NodeJS.Signals[], stops: readonly Stop[], log: Logger): void {
  let isStopping = false;
  for (const signal of signals) {
    process.on(signal, () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      log.info({ signal }, 'stopping; leases and links stay');
      setTimeout(() => process.exit(1), 3000).unref();
      runEach(...stops).then(
        () => process.exit(0),
        (err: unknown) => {
          log.error({ err }, 'stop failed');
          process.exit(1);
        },
      );
    });
  }
}

async function main(): Promise<void> {
  process.env['UV_THREADPOOL_SIZE'] ??= THREADS; // libuv reads it when it first needs one
  let log = createLogger('info');
  surviveUncaughtErrors(
    process,
    () => log,
    () => boottime.now(),
  );
  try {
    const settings = parseSettings(process.argv.slice(2), process.env);
    log = createLogger(settings.logLevel);
    log.info({ version: VLANDHCP_VERSION, node: process.version, ...settings }, 'starting');
    const stops: Stop[] = [];
    stopOn(['SIGTERM', 'SIGINT'], stops, log); // PID 1 has no default action: also while starting
    await start(settings, log, stops);
  } catch (err) {
    log.fatal({ err }, `vlandhcp cannot start: ${err instanceof Error ? err.message : 'unknown'}`);
    process.exit(1);
  }
}

void main();
