/**
 * Lists the IPv4 addresses that containers have configured. The kernel is asked in each of their
 * network namespaces. No process is started.
 *
 * A file may have no namespace mounted on it. There are two reasons. Engines up to 26 leave such a
 * file for a minute when a container stops. Or the mount of a running container does not reach this
 * process. Mounts reach this process if they propagate to the folder (mount_namespaces(7)). They
 * surely do if a namespace has appeared between two looks. Without propagation this process sees
 * only the mounts that were there before its start.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PluginError } from '../../vocabulary/errors.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { askKernel, linkAddresses } from '../netlink/interface-request.ts';
import { SystemCallError } from '../libc.ts';
import { inNetns, type NamespaceTrouble } from './netns.ts';

interface Look {
  /** The files that had a namespace. */
  readonly namespaces: ReadonlySet<string>;
  readonly mountsReachUs: boolean;
}

/** The last look at each folder. The plugin looks at only one folder. */
const lastLooks = new Map<string, Look>();

/**
 * Lists the addresses, except those of loopback links.
 * @param folder has the files of network namespaces. If it is missing, there is no container yet.
 * @returns undefined if a container may exist whose namespace cannot be entered. Then a missing
 * address proves nothing.
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
 * Reads proc_pid_mountinfo(5). `shared:` is a member of a peer group, such as the host's own /run
 * under systemd. `master:` receives what is mounted there, such as a managed plugin's bind mount.
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
    // If descriptors or memory ran out, the addresses inside are unknown, too.
    if (error instanceof SystemCallError || isNodeSystemError(error)) return 'refused';
    throw error;
  }
}

function isNodeSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
