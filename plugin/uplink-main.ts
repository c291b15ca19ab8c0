/**
 * The composition root of the second bundle: `vlandhcp hub …` and `vlandhcp uplink …`, the commands
 * and the two services. Nothing of the plugin is in it but what touches Linux.
 */
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Command, CommanderError } from 'commander';
import { createClock, type Clock } from './clock.ts';
import { addHubCommands } from './hub/cli.ts';
import { initHub } from './hub/hub-init.ts';
import { runHub } from './hub/hub-service.ts';
import { HubFiles } from './hub/hub-store.ts';
import { hubLinks } from './hub/kernel/hub-links.ts';
import { HUB_DEVICE } from './hub/members.ts';
import { HUB_EVENTS, hubSentence, type HubCounted, type HubEvent } from './hub/watch/hub-events.ts';
import { readHubCounters } from './hub/kernel/hub-counters.ts';
import { relayPipes } from './hub/streams/relay-command.ts';
import { setTls } from './hub/streams/tls-wanted.ts';
import { surviveUncaughtErrors } from './last-resort.ts';
import { createLogger, type Logger } from './logger.ts';
import { boottime } from './net/boottime.ts';
import { runCommand } from './net/command.ts';
import { linuxHost } from './net/host.ts';
import { LOG_LEVELS, parseTellingSettings } from './settings.ts';
import { askAdmin } from './uplink/admin-socket.ts';
import { addUplinkCommands } from './uplink/cli/commands.ts';
import type { Terminal } from './uplink/cli/words.ts';
import { memberLinks, memberPath } from './uplink/kernel/tunnel-links.ts';
import { ways } from './uplink/kernel/ways.ts';
import { registrarClient } from './uplink/member/registrar-client.ts';
import { PathProbe } from './uplink/path/path-probe.ts';
import { parseEndpoint } from './uplink/protocol/value-schemas.ts';
import { proxyChooser } from './uplink/streams/proxy/proxy-way.ts';
import { carrierOpener } from './uplink/streams/open-carrier.ts';
import { sshEnvironment, sshHostName } from './uplink/streams/ssh.ts';
import { readCounters } from './uplink/kernel/nft-counters.ts';
import { memberTableName } from './uplink/kernel/member-guards.ts';
import { readTelling } from './uplink/watch/read-telling.ts';
import { ServiceTelling } from './uplink/watch/service-telling.ts';
import { addTellingCommands } from './uplink/cli/telling-commands.ts';
import { uplinkSentence } from './uplink/cli/uplink-sentences.ts';
import { UPLINK_EVENTS, type UplinkEvent } from './uplink/watch/uplink-events.ts';
import { subnetClash } from './uplink/tunnel-subnet.ts';
import { runUplinks } from './uplink/uplink-service.ts';
import { messageOf, PluginError } from './vocabulary/errors.ts';

/** The bundler fills this in from package.json. */
declare const VLANDHCP_VERSION: string;

const STATE_DIR = '/var/lib/vlandhcp';
const RUN_DIR = '/run/vlandhcp';
const DOCKER_SOCKET = '/var/run/docker.sock';
/** A name server that is away must not hold up the tunnel. */
const RESOLVED_WITHIN_MS = 2_000;
/** systemd tries again, except after this: an operator has to put something right first. */
const EXIT_CONFIGURATION = 78;

interface Place {
  readonly stateDir: string;
  readonly adminSocket: string;
}

function placeOf(role: 'hub' | 'uplink'): Place {
  const { env } = process;
  return {
    stateDir: `${env['STATE_DIR'] || STATE_DIR}/${role}`,
    adminSocket: `${env['RUN_DIR'] || RUN_DIR}/${role}.sock`,
  };
}

interface Typed {
  readonly type: string;
}

interface Around extends Place {
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
}

type Service<Telling> = (
  deps: Around & { readonly telling: Telling },
) => Promise<{ close(): Promise<void> }>;

/** Ends the wait of `systemctl start`, and of the units that start after this one. */
async function tellSystemd(log: Logger): Promise<void> {
  const { NOTIFY_SOCKET } = process.env;
  if (NOTIFY_SOCKET === undefined) return; // systemd did not start this process
  await runCommand('systemd-notify', ['--ready'], { environment: { NOTIFY_SOCKET } }).catch(
    (err: unknown) => log.error({ err }, 'systemd is not told that the service is ready'),
  );
}

/** Runs until a signal comes. The links stay. */
async function serve<Event extends Typed, Counted extends Typed = never>(
  role: 'hub' | 'uplink',
  types: Readonly<Record<string, string>>,
  start: Service<ServiceTelling<Event, Counted>>,
): Promise<void> {
  const level = LOG_LEVELS.find((known) => known === process.env['LOG_LEVEL']) ?? 'info';
  const plain = createLogger(level);
  let log: Logger = plain;
  surviveUncaughtErrors(
    process,
    () => log,
    () => boottime.now(),
  );
  const clock = createClock(boottime, (err) => log.error({ err }, 'timer failed'));
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
  log.info({ version: VLANDHCP_VERSION, node: process.version }, `${role} starting`);
  let service, telling;
  try {
    const settings = parseTellingSettings(process.env);
    const place = { ...placeOf(role), clock, version: VLANDHCP_VERSION };
    telling = new ServiceTelling<Event, Counted>(types, { ...place, settings, log: plain });
    log = telling.log;
    await telling.open();
    service = await start({ ...place, telling, log });
  } catch (err) {
    log.fatal({ err }, `${role} cannot start: ${messageOf(err)}`);
    const isTheirs =
      err instanceof PluginError && ['STATE_UNREADABLE', 'INVALID_OPTION'].includes(err.code);
    process.exit(isTheirs ? EXIT_CONFIGURATION : 1);
  }
  await tellSystemd(log);
  log.info({ signal: await stopped }, 'stopping; links stay');
  await service.close();
  await telling.close();
  process.exit(0);
}

/**
 * Questions that are not answered yet. Each has a thread of the few that also write files, so a
 * name is asked for once at a time.
 */
const asked = new Map<string, Promise<readonly LookupAddress[]>>();

function addressesOf(host: string): Promise<readonly LookupAddress[]> {
  const running = asked.get(host);
  if (running !== undefined) return running;
  const question = lookup(host, { all: true })
    .catch(() => [])
    .finally(() => asked.delete(host));
  asked.set(host, question);
  return question;
}

/** All addresses of both families, in the order in which the system prefers them. */
async function resolveEndpoint(endpoint: string): Promise<readonly string[]> {
  const { host, port } = parseEndpoint(endpoint) ?? { host: '', port: 0 };
  const late = new Promise<readonly []>((resolve) => {
    setTimeout(() => resolve([]), RESOLVED_WITHIN_MS).unref();
  });
  const found = await Promise.race([addressesOf(host), late]);
  return found.map(({ address, family }) =>
    family === 6 ? `[${address}]:${port}` : `${address}:${port}`,
  );
}

/** Ends when ssh does, or when WireGuard does not answer. The reason goes to the user of ssh. */
async function relay(port: number): Promise<void> {
  const clock = createClock(boottime);
  const why = await relayPipes({ input: process.stdin, output: process.stdout }, port, clock);
  process.stderr.write(`vlandhcp: the relay ends: ${why}\n`, () => process.exit(0));
}

const terminal: Terminal = {
  print: (text) => void process.stdout.write(`${text}\n`),
  now: () => Date.now(),
  exit: (code) => (process.exitCode = code),
  async readSecret(question) {
    const { stdin, stderr } = process;
    const isTyped = stdin.isTTY;
    if (isTyped) stderr.write(question);
    // readline would show what is typed.
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({ input: stdin, output: nowhere, terminal: isTyped });
    lines.once('SIGINT', () => process.exit(130));
    const line = await new Promise<string>((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(''));
    });
    lines.close();
    if (isTyped) stderr.write('\n');
    return line;
  },
};

function makeProgram(): Command {
  const name = process.env['VLANDHCP_CALLED_AS'] ?? 'vlandhcp';
  const program = new Command(name.split(' ').at(-1) ?? name)
    .description('The uplink: the VLAN trunk for a Docker host that is not beside it.')
    .version(VLANDHCP_VERSION, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .showHelpAfterError(`Type ${name} --help for the commands.`);
  const [hub, uplink] = [placeOf('hub'), placeOf('uplink')];
  const ofSsh = sshEnvironment(process.env);
  const ofHub = program.command('hub');
  addHubCommands(ofHub.description('The hub of a site: invite hosts, and say what they may do'), {
    terminal,
    ask: (call, body) => askAdmin(hub.adminSocket, 'vlandhcp-hub', call, body),
    stateDir: hub.stateDir,
    docker: (args) => runCommand('docker', args, { environment: ofUser() }),
    run: () =>
      serve<HubEvent, HubCounted>('hub', HUB_EVENTS, (deps) =>
        runHub({ ...deps, links: hubLinks, counters: () => readHubCounters(HUB_DEVICE) }),
      ),
    init: (wanted) =>
      initHub(
        new HubFiles(hub.stateDir),
        {
          mtuOf: async (link) =>
            (await linuxHost.readLinks()).find((one) => one.name === link)?.mtu,
          clash: (subnet) => subnetClash(subnet, [HUB_DEVICE]),
          now: () => Date.now(),
        },
        wanted,
      ),
    setTls: (wanted) => setTls(new HubFiles(hub.stateDir), wanted),
    relay,
  });
  addTellingCommands(ofHub, {
    ...{ terminal, types: HUB_EVENTS, read: readTelling(hub.adminSocket, 'vlandhcp-hub') },
    sentence: hubSentence,
  });
  const ofUplink = program.command('uplink');
  addTellingCommands(ofUplink, {
    ...{ terminal, types: UPLINK_EVENTS },
    read: readTelling(uplink.adminSocket, 'vlandhcp-uplink'),
    sentence: uplinkSentence,
  });
  addUplinkCommands(ofUplink.description('This host as a member of a site that is elsewhere'), {
    terminal,
    ask: (call, body) => askAdmin(uplink.adminSocket, 'vlandhcp-uplink', call, body),
    run: () =>
      serve<UplinkEvent>('uplink', UPLINK_EVENTS, (deps) =>
        runUplinks({
          ...deps,
          counters: (device) => readCounters(memberTableName(device)),
          dockerSocket: process.env['DOCKER_SOCKET'] || DOCKER_SOCKET,
          ...{ links: memberLinks, registrar: registrarClient, resolve: resolveEndpoint, ways },
          openCarrier: carrierOpener(deps.clock, ofSsh),
          sshHostName: (host) => sshHostName(host, ofSsh),
          chooseProxy: proxyChooser(process.env, (text) => deps.log.warn({}, text)),
          clash: (address, device) => subnetClash(address, [`wg-${device}`]),
          watchPath: (device, onWord) =>
            new PathProbe({
              ...{ ...deps, onWord },
              limit: () => memberPath.limit(device),
              use: (mtu) => memberPath.use(device, mtu),
              tell: (way, mtu) => registrarClient.putPath(way, mtu),
            }),
          hostName: hostname()
            .slice(0, 64)
            .replace(/[^\x20-\x7e]/g, '?'),
        }),
      ),
  });
  return program;
}

/** What `docker` needs to find the contexts of who types the command. */
function ofUser(): Record<string, string> {
  const { PATH, HOME, DOCKER_CONFIG } = process.env;
  const given = Object.entries({ PATH, HOME, DOCKER_CONFIG });
  return Object.fromEntries(given.filter((one): one is [string, string] => one[1] !== undefined));
}

async function main(): Promise<void> {
  process.stdout.on('error', () => process.exit(0)); // `| head` wants no more
  const program = makeProgram();
  const all = [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)];
  for (const command of all) command.exitOverride();
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    // commander has printed help, the version, or what was typed wrong.
    if (error instanceof CommanderError) return void (process.exitCode = error.exitCode);
    const text =
      error instanceof PluginError || !(error instanceof Error)
        ? messageOf(error)
        : (error.stack ?? error.message);
    process.stderr.write(`vlandhcp: ${text}\n`);
    process.exitCode = 1;
  }
}

void main();
