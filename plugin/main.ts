/**
 * The composition root: settings, logger, store, wiring, recovery, sockets, signals. It is the only
 * file that acts on import.
 */
import { openIpv6Socket, openRouterSocket } from './net/sockets/ipv6-socket.ts';
import type { Handlers } from './api/handler.ts';
import { ipamDriverHandlers } from './api/ipam-driver.ts';
import { networkDriverHandlers } from './api/network-driver.ts';
import { serveAdmin, type AdminDeps } from './api/operator/admin-server.ts';
import { openWeb } from './api/web/open-web.ts';
import { serve } from './api/server.ts';
import { createClock, type Clock } from './clock.ts';
import { createPlugin, type Plugin } from './driver/plugin.ts';
import { EventBus } from './events/event-bus.ts';
import { EventFile } from './events/event-file.ts';
import { withTroubleEvents } from './runtime/history/trouble.ts';
import { openDockerApi } from './dockerapi/docker-api.ts';
import { Registry } from './state/registry.ts';
import { Store } from './state/files/store.ts';
import { toldStore } from './state/files/told-store.ts';
import { NeighbourInquiry } from './leasing/segment/neighbour-inquiry.ts';
import { SegmentInquiry } from './leasing/segment/segment-inquiry.ts';
import { surviveUncaughtErrors } from './last-resort.ts';
import { createLogger, type Logger } from './logger.ts';
import { diskSpace } from './state/files/disk-space.ts';
import { boottime } from './net/boottime.ts';
import { readForwarding } from './net/firewall/nft-forward.ts';
import { openTrunkSocket } from './net/trunk-socket.ts';
import { linuxHost } from './net/host.ts';
import { cardDriver } from './net/links/parent/card-driver.ts';
import { openArpSocket } from './net/sockets/arp-socket.ts';
import { openLeaseSocket } from './net/sockets/lease-socket.ts';
import { probeSandbox } from './net/sandbox/sandbox-link.ts';
import { createMetrics } from './metrics/metrics.ts';
import { letHeapGrowBy } from './runtime/heap-growth.ts';
import { parseSettings, type Settings } from './settings.ts';
import { runEach } from './undo.ts';

/** The bundler fills this in from package.json. */
declare const VLANDHCP_VERSION: string;

type Stop = () => Promise<void> | void;

/**
 * Threads for calls that block. Closing a packet socket blocks one of them for 10 ms. With Node's
 * four threads a stop with 4,000 endpoints would take half a minute. dockerd kills a plugin after
 * ten seconds.
 */
const THREADS = '64';

/** bench/NOTES.md has what other values cost: memory between two collections, or time. */
const HEAP_GROWTH_PERCENT = 25;

/**
 * Takes the sockets first. So a second instance learns that it may not run, before it touches the
 * state or the links of the first. Calls wait until the rest has started.
 * @param stops gets the functions that stop things, in the order in which to call them.
 */
async function start(settings: Settings, plainLog: Logger, stops: Stop[]): Promise<void> {
  const clock = createClock(boottime, (err) => log.error({ err }, 'timer failed'));
  const bus = new EventBus(clock, settings.eventsKept);
  const { emit } = bus;
  const log = withTroubleEvents(plainLog, emit);
  let wire: (handlers: Handlers) => void = () => undefined;
  const wired = new Promise<Handlers>((resolve) => (wire = resolve));
  const server = await serve(settings.sockets, wired, log, clock, emit);
  stops.push(() => server.close());
  let operator: Plugin['operator'] | undefined = undefined;
  const asked = { operator: () => operator, bus };
  const version = VLANDHCP_VERSION;
  const metrics = createMetrics({ ...asked, wall: () => clock.wall(), version });
  await openAdmin(settings, { ...asked, log, metrics }, stops);
  await openHistory(settings, bus, clock, plainLog, stops);
  emit({ type: 'plugin.started', version });
  const store = await Store.open(settings.stateDir);
  const contents = await store.load();
  for (const problem of contents.problems) log.error({ err: problem }, 'state file not usable');
  for (const damage of contents.damages) log.error({ err: damage }, 'state file damaged');
  const registry = new Registry(toldStore(store, emit));
  registry.adopt(contents);

  const inquiry = new SegmentInquiry({ clock, log, openSocket: openLeaseSocket, openArpSocket });
  const disguised = new SegmentInquiry({
    ...{ clock, log, openSocket: openLeaseSocket },
    // The answers are for a container.
    openArpSocket: (place, ...more) => openArpSocket({ ...place, promiscuous: true }, ...more),
  });
  const neighbours = new NeighbourInquiry({ clock, log, openIpv6Socket });
  const { dockerApi } = settings;
  const plugin = createPlugin({
    dockerApi: dockerApi === undefined ? undefined : openDockerApi(dockerApi),
    ...{ clock, log, emit, registry, settings },
    inquiry: {
      wearer: inquiry.wearer.bind(inquiry),
      owner: neighbours.owner.bind(neighbours),
    },
    sights: {
      disk: { folder: settings.stateDir, space: diskSpace },
      forwarding: readForwarding,
      asContainer: disguised.wearer.bind(disguised),
      cardDriver,
    },
    random: Math.random,
    host: linuxHost,
    isComplete: contents.problems.length === 0,
    sockets: {
      openSocket: openLeaseSocket,
      openArpSocket,
      openIpv6Socket,
      openRouterSocket,
      openTrunkSocket,
      probeSandbox,
    },
    sandboxFolder: `${settings.dockerRunDir}/netns`,
    sandboxPath: (key) => key.replace(/^\/(var\/)?run\/docker(?=\/)/, settings.dockerRunDir),
  });
  // Runs before the server starts. Containers keep their leases, because the store remembers them.
  stops.unshift(
    () => plugin.close(),
    () => inquiry.close(),
    () => disguised.close(),
    () => neighbours.close(),
  );
  operator = plugin.operator;
  wire({ ...networkDriverHandlers(plugin.network), ...ipamDriverHandlers(plugin.ipam) });
  await plugin.started;
}

/** Without its admin socket the plugin serves Docker all the same. */
async function openAdmin(
  settings: Settings,
  deps: Omit<AdminDeps, 'about'>,
  stops: Stop[],
): Promise<void> {
  const { log } = deps;
  const { adminSocket: path } = settings;
  const about = {
    ...{ version: VLANDHCP_VERSION, node: process.version, startedAt: new Date().toISOString() },
    settings,
  };
  try {
    const admin = await serveAdmin(path, { ...deps, about });
    stops.push(() => admin.close());
  } catch (err) {
    log.error({ path, err }, 'no admin socket: docker vlandhcp cannot ask this plugin');
  }
  const { httpListen: listen, httpTokenFile: tokenFile } = settings;
  const web = await openWeb({ listen, tokenFile, token: process.env['HTTP_TOKEN'] }, { ...deps, about }); // prettier-ignore
  if (web !== undefined) stops.push(() => web.close());
}

/** Events of before, and a file for those to come. */
async function openHistory(
  { stateDir, eventsKept: size }: Settings,
  bus: EventBus,
  clock: Clock,
  log: Logger,
  stops: Stop[],
): Promise<void> {
  const file = new EventFile(`${stateDir}/events`, {
    ...{ size, clock },
    onTrouble: (err) => log.warn({ err }, 'history of events not written; it goes on in memory'),
  });
  for (const event of bus.adopt(await file.load())) file.append(event);
  bus.subscribe((event) => file.append(event));
  stops.push(() => {
    bus.emit({ type: 'plugin.stopped', version: VLANDHCP_VERSION });
    return file.close();
  });
}

/** Ends the process. A second signal, or a stop that hangs, ends it at once. */
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
  process.env['UV_THREADPOOL_SIZE'] ??= THREADS; // libuv reads it when it first needs a thread
  letHeapGrowBy(HEAP_GROWTH_PERCENT);
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
    stopOn(['SIGTERM', 'SIGINT'], stops, log); // PID 1 has no default action for signals
    await start(settings, log, stops);
  } catch (err) {
    log.fatal({ err }, `vlandhcp cannot start: ${err instanceof Error ? err.message : 'unknown'}`);
    process.exit(1);
  }
}

void main();
