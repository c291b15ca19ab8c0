/**
 * Runs the plugin's process, and does the work of libnetwork: it makes the same calls over the same
 * socket, and moves the container's end into its sandbox. Docker does not run, so only the plugin
 * is measured.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { post } from '../../test/support/lab/unix-http.ts';
import { start, type Program } from './process.ts';

const SOCKET = '/run/docker/plugins/vlandhcp.sock';
const START_TIMEOUT_MS = 60_000;

export interface Joined {
  readonly endpointId: string;
  readonly networkId: string;
  readonly link: string;
  readonly address: string;
  readonly mac: string;
  readonly gateway: string;
}

/** Runs `ip -batch` with the lines. */
export function ipBatch(lines: readonly string[], namespace?: string): void {
  const inside = namespace === undefined ? [] : ['-n', namespace];
  execFileSync('ip', [...inside, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/**
 * Makes dockerd's chains. Without them the plugin would look for them before each lease during its
 * first two minutes.
 */
export function makeDockerChains(): void {
  for (const command of ['iptables', 'ip6tables']) execFileSync(command, ['-N', 'DOCKER-USER']);
}

/** @throws the plugin's answer if it is not a success. */
export async function call<Answer = unknown>(name: string, body?: object): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const { status, json } = await post(SOCKET, `/${name}`, text);
  const answer = json as { Err?: string };
  if (status !== 200 || answer.Err) throw new Error(`${name}: ${status} ${answer.Err ?? ''}`);
  return answer as Answer;
}

/** The same option as in config.json. */
export const NODE_OPTION = '--optimize-for-size';

/**
 * Starts the bundle in dist/.
 * @returns the program, and the time until its first answer.
 */
export async function startPlugin(
  env: Readonly<Record<string, string>> = {},
  command: readonly string[] = [process.execPath, NODE_OPTION, 'dist/vlandhcp.cjs'],
  socket = SOCKET,
): Promise<{ plugin: Program; firstAnswerMs: number }> {
  const startedAt = performance.now();
  const plugin = start(command, { LOG_LEVEL: 'info', ...env });
  while (performance.now() < startedAt + START_TIMEOUT_MS) {
    const answer = await post(socket, '/Plugin.Activate').catch(() => undefined);
    if (answer?.status === 200) return { plugin, firstAnswerMs: performance.now() - startedAt };
    await delay(2);
  }
  await plugin.stop('SIGKILL');
  throw new Error(`the plugin did not answer: ${plugin.lines.slice(-3).join('\n')}`);
}

export function newId(): string {
  return randomBytes(32).toString('hex');
}

export async function createNetwork(parent: string, options: object = {}): Promise<string> {
  const networkId = newId();
  const generic = { parent, ...options };
  await call('NetworkDriver.CreateNetwork', {
    NetworkID: networkId,
    Options: { 'com.docker.network.generic': generic },
    IPv4Data: [{ AddressSpace: '', Pool: '0.0.0.0/0', Gateway: '', AuxAddresses: {} }],
    IPv6Data: [],
  });
  return networkId;
}

/**
 * Calls CreateEndpoint and Join.
 * @returns the times of both calls with their results.
 */
export async function attach(
  networkId: string,
  sandbox: string,
): Promise<{ joined: Joined; createMs: number; joinMs: number }> {
  const endpointId = newId();
  const before = performance.now();
  const created = await call<{ Interface: { Address: string; MacAddress: string } }>(
    'NetworkDriver.CreateEndpoint',
    {
      NetworkID: networkId,
      EndpointID: endpointId,
      Interface: { Address: '', AddressIPv6: '', MacAddress: '' },
      Options: {},
    },
  );
  const between = performance.now();
  const answer = await call<{ InterfaceName: { SrcName: string }; Gateway: string }>(
    'NetworkDriver.Join',
    { NetworkID: networkId, EndpointID: endpointId, SandboxKey: sandbox, Options: {} },
  );
  const joined = {
    endpointId,
    networkId,
    link: answer.InterfaceName.SrcName,
    gateway: answer.Gateway,
    address: created.Interface.Address,
    mac: created.Interface.MacAddress,
  };
  return { joined, createMs: between - before, joinMs: performance.now() - between };
}

/**
 * Calls Leave, moves the link back and calls DeleteEndpoint, like libnetwork.
 * @returns the times of both calls.
 */
export async function detach(
  { networkId, endpointId, link }: Joined,
  namespace: string,
): Promise<{ leaveMs: number; deleteMs: number }> {
  const ids = { NetworkID: networkId, EndpointID: endpointId };
  const before = performance.now();
  await call('NetworkDriver.Leave', ids);
  const left = performance.now();
  ipBatch([`link set ${link} down`, `link set ${link} netns 1`], namespace);
  const back = performance.now();
  await call('NetworkDriver.DeleteEndpoint', ids);
  return { leaveMs: left - before, deleteMs: performance.now() - back };
}
