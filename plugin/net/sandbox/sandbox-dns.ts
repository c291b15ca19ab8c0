/**
 * Has DNS queries of a container go to other servers, by a table of NAT rules in its sandbox. No
 * file of the container and no rule of the host is touched. No process is started.
 */
import type { ContainerLink } from '../../vocabulary/attachment.ts';
import { isIpv6Server, type DnsRedirect } from '../../vocabulary/dns-redirect.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { dnsTableName, dnsTableRemoval, newDnsTable } from '../firewall/dns-table.ts';
import { SystemCallError } from '../libc.ts';
import { NETLINK_NETFILTER, openNetlinkSocket } from '../netlink/netlink-socket.ts';
import { inNetns } from './netns.ts';
import { withSandbox } from './sandbox-config.ts';

/**
 * Puts these rules in place of those of before, in one step for each family. Without redirects it
 * removes them.
 * @returns false if the link is not in the sandbox, or there is no sandbox.
 * @throws PluginError SOCKET_FAILED if the sandbox cannot be entered, IP_COMMAND_FAILED.
 */
export function setSandboxDns(
  place: ContainerLink & { readonly netnsPath: string },
  redirects: readonly DnsRedirect[],
): Promise<boolean> {
  const { netnsPath, containerEnd } = place;
  const table = dnsTableName(containerEnd);
  return withSandbox(place, ({ link }) => {
    const order = orderOf(link.name);
    return changeTables(netnsPath, tablesFor(table, redirects, order), settingOf(table));
  });
}

/**
 * Sets the rules before the link is there, so that they count for the first query of the container.
 * Of two networks with such rules, another one counts until `setSandboxDns`.
 * @returns false if there is no sandbox yet.
 * @throws PluginError SOCKET_FAILED, IP_COMMAND_FAILED.
 */
export async function prepareSandboxDns(
  { netnsPath, containerEnd }: { readonly netnsPath: string; readonly containerEnd: string },
  redirects: readonly DnsRedirect[],
): Promise<boolean> {
  const table = dnsTableName(containerEnd);
  return changeTablesIn(netnsPath, tablesFor(table, redirects, Infinity), settingOf(table));
}

/** What the table of each family becomes. */
interface TableChanges {
  readonly ipv4: readonly Uint8Array[];
  readonly ipv6: readonly Uint8Array[];
  /** True if there is nothing to do for IPv6 where the kernel has none. */
  readonly isIpv6Removed: boolean;
}

function tablesFor(table: string, redirects: readonly DnsRedirect[], order: number): TableChanges {
  const of6 = redirects.filter(({ from }) => isIpv6Server(from));
  const of4 = redirects.filter(({ from }) => !isIpv6Server(from));
  return {
    ipv4: of4.length === 0 ? dnsTableRemoval(table) : newDnsTable(table, of4, order),
    ipv6: of6.length === 0 ? dnsTableRemoval(table, 6) : newDnsTable(table, of6, order, 6),
    isIpv6Removed: of6.length === 0,
  };
}

function settingOf(table: string): string {
  return `setting the NAT rules of table ${table}`;
}

/** Of two networks with such rules, that of the interface with the lower number counts. */
function orderOf(interfaceName: string): number {
  return Number(/\d{1,4}$/.exec(interfaceName)?.[0] ?? 0);
}

/**
 * Removes the rules from a sandbox that the link has left, or is about to leave. A sandbox that is
 * gone is no error, nor is a kernel without nf_tables.
 * @throws PluginError SOCKET_FAILED, IP_COMMAND_FAILED.
 */
export async function clearSandboxDns(netnsPath: string, containerEnd: string): Promise<void> {
  const table = dnsTableName(containerEnd);
  try {
    await changeTablesIn(netnsPath, tablesFor(table, [], 0), `removing table ${table}`);
  } catch (error) {
    const { cause } = error as Error;
    if (!(cause instanceof SystemCallError && cause.code === 'EPROTONOSUPPORT')) throw error;
  }
}

/** @returns false if there is no such sandbox. @throws PluginError */
async function changeTablesIn(
  netnsPath: string,
  changes: TableChanges,
  what: string,
): Promise<boolean> {
  try {
    await changeTables(netnsPath, changes, what);
    return true;
  } catch (error) {
    if (error instanceof PluginError && NOT_THERE.includes(error.evidence['reason'])) return false;
    if (!(error instanceof SystemCallError)) throw error;
    throw new PluginError('IP_COMMAND_FAILED', `in ${netnsPath}: ${error.message}`, {
      cause: error,
      evidence: { netnsPath },
    });
  }
}

/** dockerd makes the file first, and mounts the namespace on it. Afterwards it removes both. */
const NOT_THERE: readonly unknown[] = ['missing', 'not-a-namespace'];

/** @throws PluginError SOCKET_FAILED if the sandbox cannot be entered; SystemCallError. */
async function changeTables(
  netnsPath: string,
  { ipv4, ipv6, isIpv6Removed }: TableChanges,
  what: string,
): Promise<void> {
  const socket = inNetns(netnsPath, () => openNetlinkSocket(NETLINK_NETFILTER));
  try {
    await socket.ask(ipv4, what);
    await socket.ask(ipv6, what).catch((error: unknown) => {
      if (!(isIpv6Removed && hasNoIpv6(error))) throw error;
    });
  } finally {
    socket.close();
  }
}

/** A kernel without IPv6 has no table of it to remove. */
function hasNoIpv6(error: unknown): boolean {
  const codes = ['EOPNOTSUPP', 'EAFNOSUPPORT', 'EPROTONOSUPPORT'];
  return error instanceof SystemCallError && codes.includes(error.code);
}
