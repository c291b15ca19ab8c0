/**
 * Gives a container's link its IPv6 while the container runs: settings, one address with its
 * lifetimes. Routes come from routers, by the container's own kernel.
 *
 * Docker adds an address as one that never ends. One of a prefix becomes the kernel's own with the
 * next RA. One of a lease gets its lifetimes here, so that it ends by itself if we are gone.
 */
import type { ContainerLink } from '../../vocabulary/attachment.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { AddressToHave6, SandboxIpv6Result } from '../../vocabulary/sandbox-change.ts';
import {
  addressRemoval,
  INET6,
  newLimitedAddress,
  passingDefaultRoute,
  routeRemoval,
} from '../netlink/address-messages.ts';
import { IPV6_ANY, type Ipv6 } from '../../wire/address6.ts';
import { readSetting, writeSetting } from '../sysctl.ts';
import { inNetns } from './netns.ts';
import { removeMadeOf, setToken } from './sandbox-token.ts';
import { cidr, makeChange, withSandbox, type OpenSandbox } from './sandbox-config.ts';

/**
 * The metric of the default route that an RA makes. Docker's own networks add a default route with
 * 1024, and the kernel refuses that beside another of the same metric.
 */
const ROUTER_METRIC = '2048';

export interface SandboxIpv6 {
  /** Undefined: the container gets no address, or has one of a prefix that its kernel keeps. */
  readonly address: AddressToHave6 | undefined;
  /**
   * True if Docker was told no address, and the container has had none since. What is off
   * otherwise, a person has switched off.
   */
  readonly isOffByDocker: boolean;
  /** An address of before, which is taken away. */
  readonly former: Pick<AddressToHave6, 'address' | 'prefixLength'> | undefined;
  /**
   * Routers to use until the container's kernel has heard them itself. It asks them a second after
   * the link is up.
   */
  readonly routers: readonly Ipv6[];
  /** `--internal`: no route leads out of the segment. */
  readonly isInternal?: boolean | undefined;
  /** Whether the kernel makes addresses of prefixes itself. */
  readonly isAutonomous: boolean;
  /** The interface identifier of those addresses. Undefined: that of the MAC. */
  readonly token?: Ipv6 | undefined;
  /**
   * The interface identifier of an address that the kernel may have made before it was told, and
   * that the container must not have. Undefined: it may have all.
   */
  readonly unwanted?: Ipv6 | undefined;
}

/**
 * Idempotent.
 * @throws PluginError SOCKET_FAILED if the sandbox cannot be entered, IP_COMMAND_FAILED.
 */
export async function setSandboxIpv6(
  place: ContainerLink & { readonly netnsPath: string },
  wanted: SandboxIpv6,
): Promise<SandboxIpv6Result> {
  let isOn = true;
  const isThere = await withSandbox(place, async (sandbox) => {
    const { name } = sandbox.link;
    const { netnsPath } = place;
    const inside = (work: () => string | undefined) => {
      const trouble = inNetns(netnsPath, work);
      if (trouble !== undefined) throw new PluginError('IP_COMMAND_FAILED', trouble);
    };
    inside(() => setAll(name, settingsFor(wanted)));
    // Before IPv6 is switched on, because routers may be heard from then on.
    if (wanted.token !== undefined) await setToken(sandbox, netnsPath, wanted.token);
    inside(() => switchOn(name, wanted));
    // Without an address Docker switches IPv6 off. A person may do so for one container.
    isOn = inNetns(netnsPath, () => isSwitchedOn(name));
    if (!isOn) return;
    await setAddress(sandbox, wanted);
    if (wanted.unwanted !== undefined) await removeMadeOf(sandbox, wanted.unwanted);
    if (wanted.isInternal === true) await removeAdvertisedDefaults(sandbox);
    else for (const router of wanted.routers) await setPassingRoute(sandbox, router);
  });
  if (!isThere) return 'away';
  return isOn ? 'set' : 'off';
}

/** Behind the kernel's own, which comes with the router's advertisement. */
const PASSING_METRIC = Number(ROUTER_METRIC) + 1;
/** An RS is repeated twice, 4 s apart, and a router may take 3 s (RFC 4861 §10). */
const PASSING_SECONDS = 30;

async function setPassingRoute(sandbox: OpenSandbox, via: Ipv6): Promise<void> {
  const { name, index } = sandbox.link;
  const route = { via, link: index, metric: PASSING_METRIC, seconds: PASSING_SECONDS };
  await makeChange(sandbox, {
    request: passingDefaultRoute(route),
    what: `setting a default route via ${via} on link ${name}`,
    goneAs: 'EEXIST',
  });
}

const RTPROT_RA = 9;
const ANY_DEFAULT = {
  ...{ destination: IPV6_ANY, prefixLength: 0, via: undefined, metric: 0, tos: 0 },
  isKernels: false,
};
/** A segment has a handful of routers. */
const MOST_DEFAULTS = 64;

/** The kernel may have heard routers before it was told to take no route of them. */
async function removeAdvertisedDefaults(sandbox: OpenSandbox): Promise<void> {
  const { name, index } = sandbox.link;
  const request = routeRemoval(INET6, { ...ANY_DEFAULT, link: index }, RTPROT_RA);
  const what = `removing the default route of a router on link ${name}`;
  for (let left = MOST_DEFAULTS; left > 0; left -= 1) {
    if (!(await makeChange(sandbox, { request, what, goneAs: 'ESRCH' }))) return;
  }
}

type Setting = readonly [name: string, value: string];

function settingsFor({ isAutonomous, isInternal }: SandboxIpv6): readonly Setting[] {
  const autoconf: Setting = ['autoconf', isAutonomous ? '1' : '0'];
  // Routes that a router tells besides the default one (RFC 4191). The kernel's default is none.
  const others = 'accept_ra_rt_info_max_plen';
  return isInternal === true
    ? [autoconf, ['accept_ra_defrtr', '0'], [others, '0']]
    : [autoconf, ['ra_defrtr_metric', ROUTER_METRIC], [others, '64']];
}

function isSwitchedOn(link: string): boolean {
  return readSetting(`ipv6/conf/${link}/disable_ipv6`) === '0';
}

/**
 * Docker switches IPv6 off on a link without an address. When one comes, the link gets its own
 * link-local address without the kernel's second of asking, because we have asked for it before.
 * What the kernel makes of prefixes later it asks for as ever.
 */
function switchOn(link: string, { address, isOffByDocker }: SandboxIpv6): string | undefined {
  const asks = `ipv6/conf/${link}/accept_dad`;
  if (address === undefined || !isOffByDocker || isSwitchedOn(link)) return;
  const before = readSetting(asks);
  const trouble = setAll(link, [
    ['accept_dad', '0'],
    ['disable_ipv6', '0'],
  ]);
  const left = before === undefined ? undefined : writeSetting(asks, before);
  return trouble ?? (left && `${asks} could not be set to ${before} again: ${left}`);
}

/** @returns what could not be set. A setting that this kernel does not have is skipped. */
function setAll(link: string, settings: readonly Setting[]): string | undefined {
  for (const [name, value] of settings) {
    const path = `ipv6/conf/${link}/${name}`;
    // Writing disable_ipv6 restarts the link's IPv6, also if the value is the same.
    if (readSetting(path) === value) continue;
    const error = writeSetting(path, value);
    if (error !== undefined) return `${path} could not be set to ${value}: ${error}`;
  }
  return undefined;
}

async function setAddress(sandbox: OpenSandbox, { address, former }: SandboxIpv6): Promise<void> {
  const { name, index } = sandbox.link;
  if (address !== undefined) {
    await makeChange(sandbox, {
      request: newLimitedAddress({ link: index, ...address }),
      what: `adding address ${cidr(address)} to link ${name}`,
    });
  }
  if (former === undefined || former.address === address?.address) return;
  await makeChange(sandbox, {
    request: addressRemoval(INET6, { link: index, ...former }),
    what: `removing address ${cidr(former)} from link ${name}`,
    goneAs: 'EADDRNOTAVAIL',
  });
}
