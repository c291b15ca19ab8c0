/**
 * The settings of the process: the command line and the environment, parsed once. One error names
 * all mistakes. The defaults are here and not in `config.json`, because `docker plugin upgrade`
 * keeps the environment of the old version.
 */
import { basename, dirname, join } from 'node:path';
import { PluginError } from './vocabulary/errors.ts';
import type { Ms } from './vocabulary/time.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Settings {
  /** True inside a managed plugin, which has its own paths. */
  readonly managed: boolean;
  readonly logLevel: LogLevel;
  readonly stateDir: string;
  /** Unix sockets to serve. dockerd looks for `-d vlandhcp` without a tag at the last one. */
  readonly sockets: readonly string[];
  /** The unix socket of the admin API. */
  readonly adminSocket: string;
  /** How many events the history has, on disk and in memory. */
  readonly eventsKept: number;
  /** Where the HTTP port for operators listens. The port itself checks it. Undefined: nowhere. */
  readonly httpListen: string | undefined;
  /** The file with the token of that port. The token itself is no setting that the log may show. */
  readonly httpTokenFile: string | undefined;
  /** Where this process sees the host's /run/docker. Sandbox keys are translated to this folder. */
  readonly dockerRunDir: string;
  /** How long an endpoint may wait for its Join. After that it counts as abandoned by dockerd. */
  readonly joinTimeoutMs: Ms;
  /**
   * The socket of Docker's API, for the names of containers. Undefined if nobody gave it. In a
   * managed plugin it is no socket unless somebody gave it.
   */
  readonly dockerApi: string | undefined;
  /** True if our IPAM driver leases an address under the MAC that the container will have. */
  readonly requiresMacAddress: boolean;
}

const SERVICE = {
  stateDir: '/var/lib/vlandhcp',
  sockets: ['/run/docker/plugins/vlandhcp.sock'],
  dockerRunDir: '/run/docker',
  dockerApi: undefined,
};
const MANAGED = {
  stateDir: '/state',
  sockets: ['/run/docker/plugins/vlandhcp.sock', '/host/docker/plugins/vlandhcp.sock'],
  dockerRunDir: '/host/docker',
  dockerApi: '/host/docker-api.sock',
};
/** The host sees this folder as /run/docker/plugins/ID. dockerd's own socket is in it, too. */
const MANAGED_ADMIN = '/run/docker/plugins/admin.sock';
const JOIN_TIMEOUT_SEC = 120;
/** Some 300 bytes each. A start and a stop of a container are about ten. */
const EVENTS_KEPT = 5000;

/**
 * @param args the command line without program and script: `--managed` or nothing.
 * @param env LOG_LEVEL, STATE_DIR, SOCKET, ADMIN_SOCKET, EVENTS_KEPT, DOCKER_RUN_DIR, JOIN_TIMEOUT,
 * IPAM_REQUIRE_MAC, DOCKER_API, HTTP_LISTEN, HTTP_TOKEN_FILE. An empty value counts as unset.
 * @throws PluginError INVALID_OPTION naming every mistake.
 */
export function parseSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  const problems: string[] = [];
  const unknown = args.filter((arg) => arg !== '--managed');
  if (unknown.length > 0) problems.push(`unknown argument ${JSON.stringify(unknown[0])}`);
  const managed = args.includes('--managed');
  const base = managed ? MANAGED : SERVICE;

  const level = env['LOG_LEVEL'] || 'info';
  const logLevel = LOG_LEVELS.find((known) => known === level);
  if (logLevel === undefined) {
    problems.push(`LOG_LEVEL=${level} is not one of ${LOG_LEVELS.join(', ')}`);
  }

  const path = (name: string, fallback: string): string => {
    const value = env[name] || fallback;
    if (!value.startsWith('/')) problems.push(`${name}=${value} is not an absolute path`);
    return value;
  };
  const joinTimeout = env['JOIN_TIMEOUT'] || String(JOIN_TIMEOUT_SEC);
  if (!/^[1-9]\d{0,4}$/.test(joinTimeout)) {
    problems.push(`JOIN_TIMEOUT=${joinTimeout} is not a number of seconds from 1 to 99999`);
  }

  const requireMac = env['IPAM_REQUIRE_MAC'] || 'true';
  if (requireMac !== 'true' && requireMac !== 'false') {
    problems.push(`IPAM_REQUIRE_MAC=${requireMac} is not true or false`);
  }

  const eventsKept = parseEventsKept(env['EVENTS_KEPT'], problems);

  const stateDir = path('STATE_DIR', base.stateDir);
  const sockets = env['SOCKET'] ? [path('SOCKET', '')] : base.sockets;
  const settings: Settings = {
    managed,
    logLevel: logLevel ?? 'info',
    stateDir,
    sockets,
    adminSocket: env['ADMIN_SOCKET']
      ? path('ADMIN_SOCKET', '')
      : managed
        ? MANAGED_ADMIN
        : adminSocketBeside(sockets),
    eventsKept,
    httpListen: env['HTTP_LISTEN'] || undefined,
    httpTokenFile: env['HTTP_TOKEN_FILE'] ? path('HTTP_TOKEN_FILE', '') : undefined,
    dockerRunDir: path('DOCKER_RUN_DIR', base.dockerRunDir),
    dockerApi: env['DOCKER_API'] ? path('DOCKER_API', '') : base.dockerApi,
    joinTimeoutMs: Number(joinTimeout) * 1000,
    requiresMacAddress: requireMac === 'true',
  };
  if (problems.length > 0) throw new PluginError('INVALID_OPTION', problems.join('; '));
  return settings;
}

/** @param problems gets a sentence if it is wrong. */
function parseEventsKept(text: string | undefined, problems: string[]): number {
  const kept = text || String(EVENTS_KEPT);
  if (!/^[1-9]\d{2,5}$/.test(kept)) {
    problems.push(`EVENTS_KEPT=${kept} is not a number of events from 100 to 999999`);
  }
  return Number(kept);
}

/**
 * What the services of hub and uplink tell operators, and where.
 * @param env HTTP_LISTEN, HTTP_TOKEN, HTTP_TOKEN_FILE, EVENTS_KEPT. An empty value counts as unset.
 * @throws PluginError INVALID_OPTION.
 */
export function parseTellingSettings(env: Readonly<Record<string, string | undefined>>) {
  const problems: string[] = [];
  const eventsKept = parseEventsKept(env['EVENTS_KEPT'], problems);
  if (problems.length > 0) throw new PluginError('INVALID_OPTION', problems.join('; '));
  return {
    eventsKept,
    listen: env['HTTP_LISTEN'] || undefined,
    token: env['HTTP_TOKEN'] || undefined,
    tokenFile: env['HTTP_TOKEN_FILE'] || undefined,
  };
}

/**
 * A folder with the name of Docker's socket, beside that socket. dockerd takes every socket that is
 * directly in its folder for a plugin.
 */
function adminSocketBeside([socket = '/']: readonly string[]): string {
  return join(dirname(socket), basename(socket, '.sock'), 'admin.sock');
}
