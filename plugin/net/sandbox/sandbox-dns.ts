/**
 * Has DNS queries of a container go to other servers, by a table of NAT rules in its sandbox. No
 * file of the container and no rule of the host is touched. No process is started.
 */
import type { ContainerLink } from '../../vocabulary/attachment.ts';
import type { DnsRedirect } from '../../vocabulary/dns-redirect.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { dnsTableName, dnsTableRemoval, newDnsTable } from '../firewall/dns-table.ts';
import { SystemCallError } from '../libc.ts';
import { NETLINK_NETFILTER, openNetlinkSocket } from '../netlink/netlink-socket.ts';
import { inNetns } from './netns.ts';
import { withSandbox } from './sandbox-config.ts';

/**
 * Puts these rules in place of those of before, in one step. Without redirects it removes them.
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
    const requests =
      redirects.length === 0
        ? dnsTableRemoval(table)
        : newDnsTable(table, redirects, orderOf(link.name));
    return changeTables(netnsPath, requests, `setting the NAT rules of table ${table}`);
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
  const requests = newDnsTable(table, redirects, Infinity);
  return changeTablesIn(netnsPath, requests, `setting the NAT rules of table ${table}`);
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
    await changeTablesIn(netnsPath, dnsTableRemoval(table), `removing table ${table}`);
  } catch (error) {
    const { cause } = error as Error;
    if (!(cause instanceof SystemCallError && cause.code === 'EPROTONOSUPPORT')) throw error;
  }
}

/** @returns false if there is no such sandbox. @throws PluginError */
async function changeTablesIn(
  netnsPath: string,
  requests: readonly Uint8Array[],
  what: string,
): Promise<boolean> {
  try {
    await changeTables(netnsPath, requests, what);
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
  requests: readonly Uint8Array[],
  what: string,
): Promise<void> {
  const socket = inNetns(netnsPath, () => openNetlinkSocket(NETLINK_NETFILTER));
  try {
    await socket.ask(requests, what);
  } finally {
    socket.close();
  }
}
