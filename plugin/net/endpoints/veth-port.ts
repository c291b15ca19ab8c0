/**
 * Makes the link of a container on a bridge: a veth pair whose host end is a port of the bridge.
 *
 * At first the container's end is in the host's namespace. It is up but has no addresses. So the
 * lease can be requested over it. Later dockerd moves it into the container. Only the host end
 * carries our mark. Removing the host end removes both.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import type { PortRules } from '../../vocabulary/port-rules.ts';
import type { Mac } from '../../wire/address.ts';
import { protectLinks, type Protection } from '../guard/protection.ts';
import { setPortVlan } from '../netlink/bridge-vlans.ts';
import { findLinkIndex } from '../netlink/interface-request.ts';
import type { LinkChange } from '../netlink/link-messages.ts';
import { SystemCallError } from '../libc.ts';
import { readLink } from '../links/link-info.ts';
import type { Link } from '../links/link-info.ts';
import { isLinkName } from '../../vocabulary/link-name.ts';
import { ENDPOINT_MARK, hostEndMac, UNFINISHED_GROUP } from '../links/link-names.ts';
import { waitUntilReady } from '../links/link-ready.ts';
import { addVethPair, changeLinks, removeLinkNamed } from '../netlink/rtnetlink.ts';
import { hasIpv6 } from '../sysctl.ts';

export interface VethPortSpec {
  readonly hostEnd: string;
  readonly containerEnd: string;
  /** The container's MAC. */
  readonly mac: Mac;
  readonly mtu: number;
  readonly bridge: string;
  /** What may be sent from the port. The rules hold from the start. */
  readonly rules: PortRules;
  /** If undefined: false. */
  readonly isIsolated?: boolean | undefined;
  /** The VLAN of the port, if the bridge filters VLANs. */
  readonly vlan?: number | undefined;
}

/**
 * Makes the pair, ready to carry frames. A pair that is already right is kept. A pair of ours that
 * differs is made anew, unless a container holds its other end.
 * @returns sentences for the log.
 * @throws PluginError LINK_CONFLICT if one of the names is taken; INVALID_OPTION; SystemCallError.
 */
export async function ensureVethPort(spec: VethPortSpec): Promise<readonly string[]> {
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

/** How many ports one request to the kernel guards. */
const PORTS_AT_ONCE = 64;

/** The questions and requests to the kernel. Tests replace them. */
const KERNEL = { protectLinks, findLinkIndex };

/**
 * Puts the rules of each of these ports in force. The filter before it is replaced at once. Never
 * throws, because a failure here must not fail the call of Docker. A failure for one port does not
 * keep the others from being guarded.
 * @param onUnguarded called for each existing port whose rules could not be put in force.
 * @returns sentences for the log.
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

/**
 * The question can fail for the same reason as the guard, for example because descriptors ran out.
 */
function mayBeThere(link: string, kernel: typeof KERNEL): boolean {
  try {
    return kernel.findLinkIndex(link) !== undefined;
  } catch {
    return true; // the caller logs that the port is not guarded, and tries again
  }
}

/**
 * Makes the host end a port of the bridge again, up and guarded. Changes nothing that is right
 * already.
 * @returns sentences for the log.
 * @throws PluginError LINK_CONFLICT if the bridge is gone, SystemCallError.
 */
export async function attachPort(
  port: GuardedPort & Pick<VethPortSpec, 'bridge' | 'isIsolated' | 'vlan'>,
): Promise<readonly string[]> {
  const master = findLinkIndex(port.bridge);
  if (master === undefined) throw new PluginError('LINK_CONFLICT', `bridge ${port.bridge} is gone`);
  const warnings = await guardEndpoints([port]);
  await joinBridge(port, { name: port.hostEnd, master, ...isolated(port) }, [
    { name: port.hostEnd, isUp: true },
  ]);
  return warnings;
}

/** Kernels before 4.18 cannot isolate a port, so it is only asked for where it is wanted. */
function isolated({ isIsolated }: Pick<VethPortSpec, 'isIsolated'>): { isIsolated?: true } {
  return isIsolated === true ? { isIsolated } : {};
}

function portOf({ hostEnd, rules }: GuardedPort): Protection {
  return { link: hostEnd, as: 'port', rules };
}

/** Runs before the links come up, and also when an existing pair is kept. */
function protectPair(spec: VethPortSpec): Promise<readonly string[]> {
  return protectLinks([portOf(spec), { link: spec.containerEnd, as: 'closed' }]);
}

/**
 * @throws SystemCallError, with code EEXIST if one of the names is taken. Then no link of the pair
 * is left.
 */
async function makePair(spec: VethPortSpec): Promise<readonly string[]> {
  const { hostEnd, containerEnd, mac, mtu, bridge } = spec;
  const master = findLinkIndex(bridge);
  if (master === undefined) {
    throw new PluginError(
      'LINK_CONFLICT',
      `bridge ${bridge} has just gone; start the container again`,
    );
  }
  // Both MACs are set at creation. udev does not change such MACs.
  const group = UNFINISHED_GROUP;
  await addVethPair(
    { name: hostEnd, mac: hostEndMac(hostEnd, mac), mtu, group },
    { name: containerEnd, mac, mtu, group },
  );
  // Set while the link is here. The setting does not move into the container with the link.
  const formsNoAddress = hasIpv6(mtu);
  try {
    const warnings = await protectPair(spec);
    const port = { name: hostEnd, alias: ENDPOINT_MARK, group: 0, master, formsNoAddress };
    await joinBridge(spec, { ...port, ...isolated(spec) }, [
      { name: hostEnd, isUp: true },
      { name: containerEnd, group: 0, formsNoAddress, isUp: true },
    ]);
    return warnings;
  } catch (error) {
    await removeLinkNamed(hostEnd);
    throw error;
  }
}

/** The port has its VLAN before it comes up, so that no frame of another VLAN passes it. */
async function joinBridge(
  { hostEnd, bridge, vlan }: Pick<VethPortSpec, 'hostEnd' | 'bridge' | 'vlan'>,
  port: LinkChange,
  rest: readonly LinkChange[],
): Promise<void> {
  if (vlan === undefined) return changeLinks([port, ...rest]);
  await changeLinks([{ name: hostEnd, isUp: false }, port]);
  await setPortVlan(hostEnd, bridge, vlan);
  await changeLinks(rest);
}

async function replaceOrKeepPair(spec: VethPortSpec, cause: unknown): Promise<readonly string[]> {
  const { hostEnd, containerEnd } = spec;
  const host = await readLink(hostEnd);
  const taken = (name: string, what: string): PluginError =>
    new PluginError('LINK_CONFLICT', `link ${name} exists and is ${what}; remove it`, { cause });
  if (host === undefined) {
    if ((await readLink(containerEnd)) === undefined) return makePair(spec); // just removed
    throw taken(containerEnd, 'not part of this endpoint');
  }
  if (host.alias !== ENDPOINT_MARK) throw taken(hostEnd, 'not one of ours');
  if (host.lower === undefined) throw taken(hostEnd, "connected to a container's namespace");
  const container = await readLink(host.lower);
  if (isRight(spec, host, container)) {
    if (spec.vlan !== undefined) await setPortVlan(hostEnd, spec.bridge, spec.vlan);
    return protectPair(spec);
  }
  await removeLinkNamed(hostEnd);
  return makePair(spec);
}

function isRight(spec: VethPortSpec, host: Link, container: Link | undefined): boolean {
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
