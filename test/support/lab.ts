/**
 * The lab as the e2e tests see it: the pieces of scripts/lab/in-lab and the docker command, called as a
 * person would call them. Runs only inside a lab machine (scripts/lab/guest), as root.
 */
import { execFile, spawn } from 'node:child_process';
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const IN_LAB = new URL('../../scripts/lab/in-lab', import.meta.url).pathname;
export const PLUGIN_SOCKET = '/run/docker/plugins/vlandhcp.sock';

export interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever its status. */
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

async function output(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { status, stdout, stderr } = await run(file, args, env);
  if (status === 0) return stdout.trim();
  throw new Error(`${file} ${args.join(' ')} ended with ${status}: ${stderr}${stdout}`);
}

/** A piece of the lab; throws with its words if it fails. */
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

export function docker(...args: string[]): Promise<string> {
  return output('docker', args);
}

/** The docker command that makes a network of ours; `options` are what follows `-o`. */
export function networkCommand(
  name: string,
  options: readonly string[] = ['parent=eth1', 'vlan=500'],
  driver = 'vlandhcp',
): string[] {
  const flags = options.flatMap((option) => ['-o', option]);
  return ['network', 'create', '-d', driver, '--ipam-driver', 'null', ...flags, name];
}

/** What docker prints when the command is refused; throws if it is not. */
export async function dockerRefuses(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run('docker', args);
  if (status === 0) throw new Error(`docker ${args.join(' ')} was not refused: ${stdout}`);
  return stderr;
}

export function ip(...args: string[]): Promise<string> {
  return output('ip', args);
}

/** Calls the plugin as dockerd would; the answer, whatever the status. */
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

/** Waits on a condition with a deadline; the last failure is what the error shows. */
export async function until(
  what: string,
  isTrue: () => Promise<boolean> | boolean,
  withinMs = 15_000,
): Promise<void> {
  const by = performance.now() + withinMs;
  for (;;) {
    if (await isTrue()) return;
    if (performance.now() > by) throw new Error(`waited ${withinMs} ms in vain until ${what}`);
    await delay(50);
  }
}

/** The container's attachment to a network, as `docker inspect` shows it. */
export async function attachment(
  container: string,
  network: string,
): Promise<{ address: string; prefixLength: number; gateway: string; mac: string }> {
  const text = await docker('inspect', '-f', '{{json .NetworkSettings.Networks}}', container);
  const all = JSON.parse(text) as Record<string, Record<string, unknown>>;
  const found = all[network];
  if (found === undefined) throw new Error(`${container} is not on ${network}: ${text}`);
  return {
    address: String(found['IPAddress']),
    prefixLength: Number(found['IPPrefixLen']),
    gateway: String(found['Gateway']),
    mac: String(found['MacAddress']),
  };
}

/** True if one ping from the firewall arrives. */
export async function firewallReaches(address: string): Promise<boolean> {
  return (await run(IN_LAB, ['fw', 'ping', '-c', '1', '-W', '2', address])).status === 0;
}

/**
 * Waits until the firewall reaches the address. It takes half a second where another MAC had the address before:
 * an address is announced when it is proven unused (RFC 5227 §2.3).
 */
export function firewallComesToReach(address: string): Promise<void> {
  return until(`the firewall reaches ${address}`, () => firewallReaches(address), 5000);
}

/** Frames the capture saw so far that carry the text. */
export async function captured(text: string): Promise<string[]> {
  return (await lab('log', 'capture')).split('\n').filter((line) => line.includes(text));
}

/** A program on the firewall, in a process group of its own. */
export interface FirewallProgram {
  /** What it has printed so far. */
  printed(): string;
  /** Ends the group and waits for it. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export function startOnFirewall(...command: string[]): FirewallProgram {
  const child = spawn(IN_LAB, ['fw', ...command], {
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
 * A ping from the firewall every `intervalMs` until `stop`, which tells how many were lost. Lost is what has no
 * answer though a later one has: the request under way at the end is none of them, unless nothing answers any more.
 */
export function pingSteadily(
  address: string,
  intervalMs = 100,
): { stop(): Promise<{ sent: number; lost: number }> } {
  const interval = String(intervalMs / 1000);
  const ping = startOnFirewall('stdbuf', '-oL', 'ping', '-i', interval, '-W', '1', address);
  const answered = () =>
    new Set([...ping.printed().matchAll(/icmp_seq=(\d+) ttl/g)].map((match) => Number(match[1])));
  return {
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

/** Takes everything down that a test may have left; for afterEach, where nothing may be assumed. */
export async function removeAllContainersAndNetworks(): Promise<void> {
  const containers = (await docker('ps', '-aq')).split('\n').filter(Boolean);
  if (containers.length > 0) await docker('rm', '-f', ...containers);
  const filter =
    '{{if and (ne .Name "bridge") (ne .Name "host") (ne .Name "none")}}{{.Name}}{{end}}';
  const networks = (await docker('network', 'ls', '--format', filter)).split('\n').filter(Boolean);
  if (networks.length > 0) await docker('network', 'rm', ...networks);
}
