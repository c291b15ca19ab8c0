/**
 * Which IPv4 addresses containers have configured: asked of the kernel in each of their network namespaces,
 * without a process.
 *
 * A file without a namespace mounted on it is either what engines up to 26 leave behind for a minute when a
 * container stops, or a container whose mount does not reach this process. Mounts reach it if they propagate to
 * the folder (mount_namespaces(7)); and for certain once a namespace has appeared between two looks: where they do
 * not, all it ever sees are those of before its start.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PluginError } from '../../vocabulary/errors.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { askKernel, linkAddresses } from '../netlink/interface-request.ts';
import { SystemCallError } from '../libc.ts';
import { inNetns, type NamespaceTrouble } from './netns.ts';

interface Look {
  /** The files that were namespaces. */
  readonly namespaces: ReadonlySet<string>;
  readonly mountsReachUs: boolean;
}

/** By folder; the plugin asks for one. */
const lastLooks = new Map<string, Look>();

/**
 * Those of loopback links are left out.
 * @param folder where the files of network namespaces are; that there is none yet means no container.
 * @returns undefined if there may be a container that cannot be looked into: absence proves nothing then.
 */
export function listSandboxAddresses(folder: string): ReadonlySet<Ipv4> | undefined {
  const names = namesIn(folder);
  if (names === undefined) return undefined;
  const looks = names.map((name) => ({ name, found: lookInto(join(folder, name)) }));
  const inside = looks.filter(({ found }) => typeof found === 'object');
  const namespaces = new Set(inside.map(({ name }) => name));
  const last = lastLooks.get(folder);
  const isNew = (name: string): boolean => last?.namespaces.has(name) === false;
  const mountsReachUs =
    last?.mountsReachUs === true || doMountsPropagate(folder) || [...namespaces].some(isNew);
  lastLooks.set(folder, { namespaces, mountsReachUs });
  const isHidden = (found: Found): boolean =>
    found === 'refused' || (found === 'not-a-namespace' && !mountsReachUs);
  if (looks.some(({ found }) => isHidden(found))) return undefined;
  return new Set(looks.flatMap(({ found }) => (typeof found === 'object' ? found : [])));
}

/**
 * proc_pid_mountinfo(5): `shared:` is a member of a peer group, as the host's own /run under systemd; `master:` receives
 * what is mounted there, as a managed plugin's bind mount does.
 */
function doMountsPropagate(folder: string): boolean {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , , , point = '']) => `${folder}/`.startsWith(point === '/' ? '/' : `${point}/`))
    .sort(([, , , , one = ''], [, , , , other = '']) => one.length - other.length);
  const fields = mounts.at(-1)?.slice(6) ?? [];
  return fields.slice(0, fields.indexOf('-')).some((field) => /^(shared|master):/.test(field));
}

function namesIn(folder: string): readonly string[] | undefined {
  try {
    return readdirSync(folder);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? [] : undefined;
  }
}

type Found = readonly Ipv4[] | NamespaceTrouble;

function lookInto(path: string): Found {
  try {
    const found = inNetns(path, () => askKernel(linkAddresses)) ?? [];
    return found.filter(({ label }) => !/^lo(:|$)/.test(label)).map(({ address }) => address);
  } catch (error) {
    if (error instanceof PluginError) return error.evidence['reason'] as NamespaceTrouble;
    // Out of descriptors or memory: also then nothing is known of what is inside.
    if (error instanceof SystemCallError || isNodeSystemError(error)) return 'refused';
    throw error;
  }
}

function isNodeSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
