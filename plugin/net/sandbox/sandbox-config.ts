/**
 * Changes a container's link inside its sandbox while the container runs; the link stays up.
 *
 * The kernel is asked first, in one `ip`, then changed in another: what is so already is left alone, so that
 * a change that was cut short can be repeated, and nothing is touched that goes over another link.
 */
import type { SandboxChange } from '../../vocabulary/sandbox-change.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { decodeIpJson, ipBatch } from '../ip.ts';
import { keepingHostOut } from '../links/link-mtu.ts';
import { runIpInNetns } from './netns.ts';
import { findSandboxLink } from './sandbox-link.ts';
import { sandboxLines, type SandboxState } from './sandbox-lines.ts';

/**
 * @param hostEnd the veth's end in this namespace; it gets the MTU, too.
 * @returns false if the link is not in the sandbox, or there is no sandbox.
 * @throws PluginError SOCKET_FAILED if the sandbox cannot be entered, IP_COMMAND_FAILED.
 */
export async function changeSandbox(
  { netnsPath, hostEnd }: { readonly netnsPath: string; readonly hostEnd: string },
  changes: readonly SandboxChange[],
): Promise<boolean> {
  const found = findSandboxLink(netnsPath, hostEnd);
  if (found === 'not-yet') return false;
  if (found === 'not-a-namespace') {
    throw new PluginError('SOCKET_FAILED', `sandbox ${netnsPath} cannot be entered`, {
      evidence: { netnsPath },
    });
  }
  const mtu = changes.find((change) => change.type === 'set-mtu')?.mtu;
  if (mtu !== undefined) {
    await keepingHostOut(hostEnd, () => ipBatch([`link set dev ${hostEnd} mtu ${mtu}`]));
  }
  const state = readState(netnsPath, found.link);
  const lines = sandboxLines(changes, found.link, state);
  if (lines.length > 0) runIpInNetns(netnsPath, lines);
  return true;
}

function readState(netnsPath: string, link: string): SandboxState {
  const questions = [`address show dev ${link}`, 'route show table main'];
  const [addresses = '', routes = ''] = runIpInNetns(netnsPath, questions, ['-j', '-4']).split(
    '\n',
  );
  return {
    addresses: (decodeIpJson(addresses, questions) as { addr_info?: Entry[] }[])
      .flatMap(({ addr_info: list }) => list ?? [])
      .map(({ local, prefixlen }) => `${String(local)}/${String(prefixlen)}`),
    routes: (decodeIpJson(routes, questions) as Entry[]).map((entry) => ({
      destination: entry['dst'] === 'default' ? '0.0.0.0/0' : String(entry['dst']),
      via: textOf(entry['gateway']),
      link: textOf(entry['dev']),
      isKernels: entry['protocol'] === 'kernel',
      metric: typeof entry['metric'] === 'number' ? entry['metric'] : 0,
    })),
  };
}

type Entry = Readonly<Record<string, unknown>>;

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
