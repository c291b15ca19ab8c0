/**
 * Gives a container's link its IPv6 while the container runs: settings, one address with its
 * lifetimes. Routes come from routers, by the container's own kernel.
 *
 * Docker adds an address as one that never ends. One of a prefix becomes the kernel's own with the
 * next RA. One of a lease gets its lifetimes here, so that it ends by itself if we are gone.
 */
import { readFileSync } from 'node:fs';
import type { ContainerLink } from '../../vocabulary/attachment.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { AddressToHave6 } from '../../vocabulary/sandbox-change.ts';
import { SystemCallError } from '../libc.ts';
import { addressRemoval, INET6, newLimitedAddress } from '../netlink/address-messages.ts';
import { writeSetting } from '../sysctl.ts';
import { inNetns } from './netns.ts';
import { openSandbox, type OpenSandbox } from './sandbox-config.ts';

/**
 * The metric of the default route that an RA makes. Docker's own networks add a default route with
 * 1024, and the kernel refuses that beside another of the same metric.
 */
const ROUTER_METRIC = '2048';

export interface SandboxIpv6 {
  /** Undefined: the container gets no address, or has one of a prefix that its kernel keeps. */
  readonly address: AddressToHave6 | undefined;
  /** An address of before, which is taken away. */
  readonly former: Pick<AddressToHave6, 'address' | 'prefixLength'> | undefined;
  /** Whether the kernel makes addresses of prefixes itself. */
  readonly isAutonomous: boolean;
}

/**
 * Idempotent.
 * @returns false if the link is not in the sandbox, or there is no sandbox.
 * @throws PluginError SOCKET_FAILED if the sandbox cannot be entered, IP_COMMAND_FAILED.
 */
export async function setSandboxIpv6(
  place: ContainerLink & { readonly netnsPath: string },
  wanted: SandboxIpv6,
): Promise<boolean> {
  const sandbox = openSandbox(place);
  if (sandbox === undefined) return false;
  const { netnsPath } = place;
  const { name } = sandbox.link;
  try {
    const trouble = inNetns(netnsPath, () => setAll(name, settingsFor(wanted)));
    if (trouble !== undefined) throw new PluginError('IP_COMMAND_FAILED', trouble);
    await setAddress(sandbox, wanted);
    return true;
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    throw new PluginError('IP_COMMAND_FAILED', `in ${netnsPath}: ${error.message}`, {
      cause: error,
      evidence: { ...place, link: name },
    });
  } finally {
    sandbox.socket.close();
  }
}

type Setting = readonly [name: string, value: string];

function settingsFor({ address, isAutonomous }: SandboxIpv6): readonly Setting[] {
  return [
    ['ra_defrtr_metric', ROUTER_METRIC],
    ['autoconf', isAutonomous ? '1' : '0'],
    // We have asked for the address before. Docker switches IPv6 off on a link without an address.
    ...(address === undefined
      ? []
      : ([
          ['accept_dad', '0'],
          ['disable_ipv6', '0'],
        ] as const)),
  ];
}

/** @returns what could not be set. A setting that this kernel does not have is skipped. */
function setAll(link: string, settings: readonly Setting[]): string | undefined {
  for (const [name, value] of settings) {
    const path = `ipv6/conf/${link}/${name}`;
    // Writing disable_ipv6 restarts the link's IPv6, also if the value is the same.
    if (isSet(path, value)) continue;
    const error = writeSetting(path, value);
    if (error !== undefined) return `${path} could not be set to ${value}: ${error}`;
  }
  return undefined;
}

function isSet(path: string, value: string): boolean {
  try {
    return readFileSync(`/proc/sys/net/${path}`, 'utf8').trim() === value;
  } catch {
    return false;
  }
}

async function setAddress(
  { link, socket }: OpenSandbox,
  { address, former }: SandboxIpv6,
): Promise<void> {
  if (address !== undefined) {
    const what = `adding address ${address.address}/${address.prefixLength} to link ${link.name}`;
    await socket.ask([newLimitedAddress({ link: link.index, ...address })], what);
  }
  if (former === undefined || former.address === address?.address) return;
  const what = `removing address ${former.address}/${former.prefixLength} from link ${link.name}`;
  try {
    await socket.ask([addressRemoval(INET6, { link: link.index, ...former })], what);
  } catch (error) {
    if (!(error instanceof SystemCallError && error.code === 'EADDRNOTAVAIL')) throw error;
  }
}
