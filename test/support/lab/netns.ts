/**
 * Network namespaces for one test. The test process itself moves into one of them. So the code
 * under test, and every `ip` that it runs, sees only what the test has made. The process always
 * goes back, and the namespaces are deleted.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

import { enterNetworkNamespace } from '../../../plugin/net/libc.ts';
import { inNetns } from '../../../plugin/net/sandbox/netns.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
let counter = 0;

/** Runs a program to its end and returns its output. Throws with its error text if it fails. */
export function run(file: string, args: readonly string[], input?: string): string {
  const result = spawnSync(file, args, {
    encoding: 'utf8',
    ...(input === undefined ? {} : { input }),
  });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) {
    throw new Error(`${file} ${args.join(' ')}: status ${result.status}: ${result.stderr}`);
  }
  return result.stdout;
}

/** `ip` with words as a shell would split them. */
export function ip(command: string): string {
  return run('ip', command.split(' '));
}

/** The names of all links here except the loopback, sorted. */
export function linkNames(): string[] {
  const links = JSON.parse(ip('-j link show')) as { ifname: string }[];
  return links
    .map((link) => link.ifname)
    .filter((name) => name !== 'lo')
    .sort();
}

/**
 * What `ip` says about the links here, without values that change by themselves (carrier, queues,
 * timers).
 */
export function linkSnapshot(): unknown {
  const links = JSON.parse(ip('-j -d link show')) as Record<string, unknown>[];
  const lasting = [
    'ifindex',
    'ifname',
    'link',
    'mtu',
    'master',
    'group',
    'ifalias',
    'address',
    'promiscuity',
    'inet6_addr_gen_mode',
  ];
  return links.map((link) => ({
    ...Object.fromEntries(lasting.map((key) => [key, link[key]])),
    flags: (link['flags'] as string[]).filter((flag) => flag === 'UP' || flag === 'NOARP'),
    kind: (link['linkinfo'] as { info_kind?: string } | undefined)?.info_kind,
  }));
}

export interface TestNamespace {
  readonly name: string;
  readonly path: string;
  run<Result>(work: () => Result): Result;
  /** May be called again. */
  delete(): void;
}

export function createNamespace(): TestNamespace {
  counter += 1;
  const name = `vt${process.pid}-${counter}`;
  run('ip', ['netns', 'add', name]);
  const path = `/run/netns/${name}`;
  let isThere = true;
  return {
    name,
    path,
    run: (work) => inNetns(path, work),
    delete: () => {
      if (!isThere) return;
      isThere = false;
      run('ip', ['netns', 'del', name]);
    },
  };
}

export interface Sandbox {
  /** Another namespace, deleted with the sandbox. */
  addNamespace(): TestNamespace;
  /** Goes back to the first namespace and deletes the others. May be called again. */
  dispose(): void;
}

/** Moves this process into a fresh namespace that has only a loopback link, which is up. */
export function enterSandbox(): Sandbox {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const made: TestNamespace[] = [createNamespace()];
  const inside = openSync(made[0]!.path, 'r');
  enterNetworkNamespace(inside);
  closeSync(inside);
  let isOpen = true;
  ip('link set dev lo up');
  return {
    addNamespace() {
      const namespace = createNamespace();
      made.push(namespace);
      return namespace;
    },
    dispose() {
      if (!isOpen) return;
      isOpen = false;
      enterNetworkNamespace(home);
      closeSync(home);
      for (const namespace of made) namespace.delete();
    },
  };
}

/** Makes a veth pair that stands for a network card and the switch port it is plugged into. */
export function addParent(name: string, switchPort: string, mtu = 1500): void {
  run(
    'ip',
    ['-batch', '-'],
    [
      `link add name ${name} mtu ${mtu} type veth peer name ${switchPort} mtu ${mtu}`,
      `link set dev ${name} up`,
      `link set dev ${switchPort} up`,
      '',
    ].join('\n'),
  );
}

/** True if this kernel can make 802.1Q links. It tries to make one. */
export function kernelHasVlans(): boolean {
  const namespace = createNamespace();
  try {
    return namespace.run(() => {
      ip('link add name p type veth peer name q');
      return spawnSync('ip', 'link add link p name p.2 type vlan id 2'.split(' ')).status === 0;
    });
  } finally {
    namespace.delete();
  }
}

/**
 * Tests of VLANs may be skipped only where that is allowed, and never with VLANDHCP_REQUIRE set.
 */
export function mayLeaveOutVlans(): boolean {
  return process.env['VLANDHCP_REQUIRE'] === undefined && !kernelHasVlans();
}

/** The number of open descriptors of this process. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Which network namespace this thread is in, such as `net:[4026531840]`. */
export function currentNamespace(): string {
  return readlinkSync('/proc/thread-self/ns/net');
}

/**
 * Waits until `condition` holds, and lets the event loop run. The limit only detects a test that
 * hangs.
 */
export async function until(
  what: string,
  condition: () => boolean,
  timeoutMs = 45_000,
): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    const askedAt = performance.now();
    if (condition()) return;
    const now = performance.now();
    if (now > giveUpAt) throw new Error(`never happened in ${timeoutMs} ms: ${what}`);
    // A lab machine has one core. A condition that starts programs would keep it from the plugin.
    const pause = Math.min(Math.max(2, 2 * (now - askedAt)), 100);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/**
 * Runs JavaScript in a Node process of its own. There `subject` is a bundled source file of the
 * plugin.
 * @param wrap a command that starts the process.
 */
export function runNode(
  source: string,
  script: string,
  wrap: readonly string[] = [],
): { status: number | null; signal: string | null; stdout: string; stderr: string } {
  const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-node-'));
  try {
    const outfile = join(folder, 'subject.cjs');
    buildSync({
      entryPoints: [join(repository, source)],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['koffi'],
      outfile,
      logLevel: 'error',
    });
    const code = `const subject = require(${JSON.stringify(outfile)});\n${script}`;
    const [file = '', ...args] = [...wrap, process.execPath, '-e', code];
    return spawnSync(file, args, {
      encoding: 'utf8',
      env: { ...process.env, NODE_PATH: join(repository, 'node_modules') },
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
