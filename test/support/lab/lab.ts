/**
 * The lab for the e2e tests: the pieces of scripts/lab/in-lab and the docker command, called as a
 * person calls them. Runs only inside a lab machine (scripts/lab/guest), as root.
 */
import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspectContainer } from './engine.ts';

export { inspectContainer, removeAllContainersAndNetworks } from './engine.ts';

const IN_LAB = fileURLToPath(new URL('../../../scripts/lab/in-lab', import.meta.url));
/** Where the pieces keep logs and pid files (scripts/lab/inside/daemon.sh). */
const STATE = '/run/lab';
export const PLUGIN_SOCKET = '/run/docker/plugins/vlandhcp.sock';

export interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, and accepts any exit status. */
export function run(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Result> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
    execFile(file, args, options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ status, stdout, stderr });
    });
  });
}

/** Returns what the program prints. Throws with its output if it fails. */
export async function output(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { status, stdout, stderr } = await run(file, args, env);
  if (status === 0) return stdout.trim();
  throw new Error(`${file} ${args.join(' ')} ended with ${status}: ${stderr}${stdout}`);
}

/** Runs a piece of the lab. Throws with its output if it fails. */
export function lab(piece: string, ...args: string[]): Promise<string> {
  return output(IN_LAB, [piece, ...args]);
}

export function labWith(
  env: Readonly<Record<string, string>>,
  piece: string,
  ...args: string[]
): Promise<string> {
  return output(IN_LAB, [piece, ...args], env);
}

/** What a daemon of the lab has written so far. */
export function daemonLog(name: string): Promise<string> {
  return readFile(`${STATE}/${name}.log`, 'utf8');
}

/** What dnsmasq has leased, a line each: expiry, MAC, address, name, client-id. */
export async function leases(): Promise<string> {
  return readFile(`${STATE}/dnsmasq.leases`, 'utf8').catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT') return '';
    throw err;
  });
}

/**
 * One line per link of this machine: name, kind, master, lower link; to compare before and after.
 */
export async function links(): Promise<string> {
  const shown = JSON.parse(await output('ip', ['-d', '-j', 'link', 'show'])) as readonly {
    ifname: string;
    linkinfo?: { info_kind?: string };
    master?: string;
    link?: string | null;
  }[];
  const lines = shown.map(({ ifname, linkinfo, master, link }) =>
    [ifname, linkinfo?.info_kind ?? '-', master ?? '-', link ?? '-'].join(' '),
  );
  return lines.sort().join('\n');
}

/** Runs a command on the firewall, and accepts any exit status. */
export function onFirewall(...command: string[]): Promise<Result> {
  return run('ip', ['netns', 'exec', 'fw', ...command]);
}

export function docker(...args: string[]): Promise<string> {
  return output('docker', args);
}

/** The docker command that makes a network of ours. `options` are what follows `-o`. */
export function networkCommand(
  name: string,
  options: readonly string[] = ['parent=eth1', 'vlan=500'],
  driver = 'vlandhcp',
): string[] {
  const flags = options.flatMap((option) => ['-o', option]);
  return ['network', 'create', '-d', driver, '--ipam-driver', 'null', ...flags, name];
}

/** What docker prints when the command is refused. Throws if the command succeeds. */
export async function dockerRefuses(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run('docker', args);
  if (status === 0) throw new Error(`docker ${args.join(' ')} was not refused: ${stdout}`);
  return stderr;
}

export function ip(...args: string[]): Promise<string> {
  return output('ip', args);
}

/** Calls the plugin as dockerd would. Returns the answer, whatever its status is. */
export function callPlugin(call: string, body: object): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath: PLUGIN_SOCKET, method: 'POST', path: `/${call}` },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('end', () => resolve(JSON.parse(text) as Record<string, unknown>));
      },
    );
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

/**
 * Waits for a condition. The error shows the last failure. The limit only detects a test that
 * hangs. A look that takes long (it runs docker) is followed by as long a pause: on the one core of
 * a lab machine it would hold up what is waited for.
 */
export async function until(
  what: string,
  isTrue: () => Promise<boolean> | boolean,
  withinMs = 60_000,
): Promise<void> {
  const by = performance.now() + withinMs;
  for (;;) {
    const from = performance.now();
    if (await isTrue()) return;
    const now = performance.now();
    if (now > by) throw new Error(`waited ${withinMs} ms in vain until ${what}`);
    await delay(Math.max(50, now - from));
  }
}

/** The container's attachment to a network, as `docker inspect` shows it. */
export async function attachment(
  container: string,
  network: string,
): Promise<{ address: string; prefixLength: number; gateway: string; mac: string }> {
  const { Networks } = (await inspectContainer(container)).NetworkSettings;
  const found = Networks[network];
  if (found === undefined) {
    throw new Error(`${container} is not on ${network}: ${JSON.stringify(Networks)}`);
  }
  return {
    address: found.IPAddress,
    prefixLength: found.IPPrefixLen,
    gateway: found.Gateway,
    mac: found.MacAddress,
  };
}

/** True if one ping from the firewall arrives. */
export async function firewallReaches(address: string): Promise<boolean> {
  return (await onFirewall('ping', '-c', '1', '-W', '2', address)).status === 0;
}

/**
 * Waits until the firewall reaches the address. If another MAC had the address before, it takes
 * half a second: an address is announced when it is proven unused (RFC 5227 §2.3).
 */
export function firewallComesToReach(address: string): Promise<void> {
  return until(`the firewall reaches ${address}`, () => firewallReaches(address));
}

/** Frames the capture saw so far that carry the text. */
export async function captured(text: string): Promise<string[]> {
  return (await daemonLog('capture')).split('\n').filter((line) => line.includes(text));
}

/** A program on the firewall, in a process group of its own. */
export interface FirewallProgram {
  /** What it has printed so far. */
  printed(): string;
  /** Ends the group and waits for it. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export function startOnFirewall(...command: string[]): FirewallProgram {
  const child = spawn('ip', ['netns', 'exec', 'fw', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return {
    printed: () => text,
    async stop(signal = 'SIGTERM') {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
      await ended;
    },
  };
}

/**
 * Pings from the firewall every `intervalMs` until `stop`, which returns how many pings were lost.
 * A ping is lost if it has no answer and a later ping has one. The last ping is not lost, unless
 * nothing answers any more.
 */
export function pingSteadily(
  address: string,
  intervalMs = 100,
): { replies(): number; stop(): Promise<{ sent: number; lost: number }> } {
  const interval = String(intervalMs / 1000);
  const ping = startOnFirewall('stdbuf', '-oL', 'ping', '-i', interval, '-W', '1', address);
  const answered = () =>
    new Set([...ping.printed().matchAll(/icmp_seq=(\d+) ttl/g)].map((match) => Number(match[1])));
  return {
    replies: () => answered().size,
    async stop() {
      const { size } = answered();
      const isAlive = await until('a reply', () => answered().size > size, 1500).then(
        () => true,
        () => false,
      );
      await ping.stop('SIGINT');
      const counts = /(\d+) packets transmitted/.exec(ping.printed());
      if (counts === null) throw new Error(`ping printed no summary: ${ping.printed()}`);
      const sent = isAlive ? Math.max(...answered()) : Number(counts[1]);
      return { sent, lost: sent - answered().size };
    },
  };
}
