/**
 * The links of an endpoint: a veth pair whose host end is a port of the network's bridge.
 *
 * The container's end starts its life in the host's namespace, up but without addresses, so that the
 * lease can be asked for over it; dockerd moves it into the container later. Only the host end carries
 * the mark of ours; removing it removes both.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import type { PortRules } from '../../vocabulary/port-rules.ts';
import type { Mac } from '../../wire/address.ts';
import { protectLinks, type Protection } from '../guard/protection.ts';
import { findLinkIndex } from '../netlink/interface-request.ts';
import { SystemCallError } from '../libc.ts';
import { readLink, readLinksOfKind } from './link-info.ts';
import type { Link } from './link-info.ts';
import { isLinkName } from '../../vocabulary/link-name.ts';
import { keepingHostOut } from './link-mtu.ts';
import { ENDPOINT_MARK, hostEndMac, UNFINISHED_GROUP } from './link-names.ts';
import { waitUntilReady } from './link-ready.ts';
import { addVethPair, changeLinks, findLink, removeLinkAt } from '../netlink/rtnetlink.ts';
import { hasIpv6 } from '../sysctl.ts';

export interface EndpointLinkSpec {
  readonly hostEnd: string;
  readonly containerEnd: string;
  /** The container's MAC. */
  readonly mac: Mac;
  readonly mtu: number;
  readonly bridge: string;
  /** What may be sent from the port, from the start on. */
  readonly rules: PortRules;
}

/** A host end of ours. */
export interface EndpointLink {
  readonly hostEnd: string;
  /** True while the container's end is in this namespace: not joined yet, or left again. */
  readonly containerEndHere: boolean;
  readonly bridge: string | undefined;
}

/**
 * Makes the pair, ready to carry frames, or finds it as it should be; one of ours that differs is made anew, unless a container
 * holds its other end.
 * @returns sentences for the log.
 * @throws PluginError LINK_CONFLICT if one of the names is taken; INVALID_OPTION; SystemCallError.
 */
export async function ensureEndpointLink(spec: EndpointLinkSpec): Promise<readonly string[]> {
  for (const name of [spec.hostEnd, spec.containerEnd, spec.bridge]) {
    if (!isLinkName(name)) {
      throw new PluginError('INVALID_OPTION', `${JSON.stringify(name)} is not a link name`);
    }
  }
  const warnings = await makePair(spec).catch((error: unknown) => {
    if (!(error instanceof SystemCallError) || error.code !== 'EEXIST') throw error;
    return replaceOrKeepPair(spec, error);
  });
  await waitUntilReady([spec.hostEnd, spec.containerEnd]);
  return warnings;
}

export interface GuardedPort {
  readonly hostEnd: string;
  readonly rules: PortRules;
}

/** Ports that are guarded by one request to the kernel. */
const PORTS_AT_ONCE = 64;

/** What is asked of the kernel. */
const KERNEL = { protectLinks, findLinkIndex };

/**
 * What may be sent from each of these ports from now on; the filter before it is replaced at once. Never throws: the
 * calls of Docker that it is part of must not fail by it.
 * @param onUnguarded told each port that is there and whose rules could not be put in force.
 * @returns sentences for the log: trouble with one of them is told, and does not keep the others from being guarded.
 */
export async function guardEndpoints(
  ports: readonly GuardedPort[],
  onUnguarded: (hostEnd: string) => void = () => undefined,
  kernel: typeof KERNEL = KERNEL,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (let at = 0; at < ports.length; at += PORTS_AT_ONCE) {
    const some = ports.slice(at, at + PORTS_AT_ONCE);
    try {
      warnings.push(...(await kernel.protectLinks(some.map(portOf))));
    } catch (error) {
      const [first, ...others] = some;
      if (first === undefined) continue;
      if (others.length > 0) {
        for (const port of some) {
          warnings.push(...(await guardEndpoints([port], onUnguarded, kernel)));
        }
      } else if (mayBeThere(first.hostEnd, kernel)) {
        onUnguarded(first.hostEnd);
        warnings.push(`port ${first.hostEnd} is not guarded: ${(error as Error).message}`);
      }
    }
  }
  return warnings;
}

/** What ran out for the guard, such as descriptors, may be missing for this question, too. */
function mayBeThere(link: string, kernel: typeof KERNEL): boolean {
  try {
    return kernel.findLinkIndex(link) !== undefined;
  } catch {
    return true; // the caller tells that it is not guarded, and tries again
  }
}

/**
 * Makes the host end a port of the bridge again, up and guarded; what is so already stays.
 * @returns sentences for the log. @throws PluginError LINK_CONFLICT if the bridge is gone, SystemCallError.
 */
export async function attachPort(
  port: GuardedPort & { readonly bridge: string },
): Promise<readonly string[]> {
  const master = findLinkIndex(port.bridge);
  if (master === undefined) throw new PluginError('LINK_CONFLICT', `bridge ${port.bridge} is gone`);
  const warnings = await guardEndpoints([port]);
  await changeLinks([{ name: port.hostEnd, master, isUp: true }]);
  return warnings;
}

function portOf({ hostEnd, rules }: GuardedPort): Protection {
  return { link: hostEnd, as: 'port', rules };
}

/** Before they come up, and also when they are found as they should be. */
function protectPair(spec: EndpointLinkSpec): Promise<readonly string[]> {
  return protectLinks([portOf(spec), { link: spec.containerEnd, as: 'closed' }]);
}

/** @throws SystemCallError, of code EEXIST if one of the names is taken; then nothing is left. */
async function makePair(spec: EndpointLinkSpec): Promise<readonly string[]> {
  const { hostEnd, containerEnd, mac, mtu, bridge } = spec;
  const master = findLinkIndex(bridge);
  if (master === undefined) {
    throw new PluginError(
      'LINK_CONFLICT',
      `bridge ${bridge} has just gone; start the container again`,
    );
  }
  // Both MACs are set at creation: udev then leaves them alone.
  const group = UNFINISHED_GROUP;
  await addVethPair(
    { name: hostEnd, mac: hostEndMac(hostEnd, mac), mtu, group },
    { name: containerEnd, mac, mtu, group },
  );
  // While here: the setting does not move into the container with the link.
  const formsNoAddress = hasIpv6(mtu);
  try {
    const warnings = await protectPair(spec);
    await changeLinks([
      { name: hostEnd, alias: ENDPOINT_MARK, group: 0, master, formsNoAddress, isUp: true },
      { name: containerEnd, group: 0, formsNoAddress, isUp: true },
    ]);
    return warnings;
  } catch (error) {
    await deleteLink(hostEnd);
    throw error;
  }
}

async function replaceOrKeepPair(
  spec: EndpointLinkSpec,
  cause: unknown,
): Promise<readonly string[]> {
  const { hostEnd, containerEnd } = spec;
  const host = await readLink(hostEnd);
  const taken = (name: string, what: string): PluginError =>
    new PluginError('LINK_CONFLICT', `link ${name} exists and is ${what}; remove it`, { cause });
  if (host === undefined) {
    if ((await readLink(containerEnd)) === undefined) return makePair(spec); // it just went
    throw taken(containerEnd, 'not part of this endpoint');
  }
  if (host.alias !== ENDPOINT_MARK) throw taken(hostEnd, 'not one of ours');
  if (host.lower === undefined) throw taken(hostEnd, "connected to a container's namespace");
  const container = await readLink(host.lower);
  if (isRight(spec, host, container)) return protectPair(spec);
  await deleteLink(hostEnd);
  return makePair(spec);
}

function isRight(spec: EndpointLinkSpec, host: Link, container: Link | undefined): boolean {
  return (
    host.master === spec.bridge &&
    host.isUp &&
    host.mtu === spec.mtu &&
    container?.name === spec.containerEnd &&
    container.isUp &&
    container.mac === spec.mac &&
    container.mtu === spec.mtu
  );
}

/** Removes the pair, wherever its other end is. Gone already is fine; a link that is not ours stays. */
export async function removeEndpointLink(hostEnd: string): Promise<void> {
  const link = await findLink(hostEnd);
  if (link?.alias !== ENDPOINT_MARK) return;
  // A port with a small MTU may have been what kept its bridge out of IPv6.
  await keepingHostOut(hostEnd, () => removeLinkAt(link.index));
}

/** Every host end of ours in this namespace. */
export async function listEndpointLinks(): Promise<readonly EndpointLink[]> {
  const links = await readLinksOfKind('veth');
  return links
    .filter((link) => link.alias === ENDPOINT_MARK)
    .map((link) => ({
      hostEnd: link.name,
      containerEndHere: link.lower !== undefined,
      bridge: link.master,
    }));
}

async function deleteLink(name: string): Promise<void> {
  const link = await findLink(name);
  if (link !== undefined) await removeLinkAt(link.index);
}
