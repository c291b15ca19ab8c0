/**
 * Changes a container's link inside its sandbox while the container runs. The link stays up. No
 * process is started.
 *
 * The thread is in the sandbox only while it opens a netlink socket. The socket then belongs to the
 * sandbox, but it is used from here. The kernel is first asked, then changed. What is right already
 * is not changed. So a change that was cut short can be repeated. Addresses and routes of other
 * links are never touched.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import type { ContainerLink } from '../../vocabulary/attachment.ts';
import type { LinkAddress, SandboxChange } from '../../vocabulary/sandbox-change.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { lastAddressOf, subnetOf } from '../../wire/subnet.ts';
import { SystemCallError } from '../libc.ts';
import { keepingHostOut, setMtu } from '../links/link-mtu.ts';
import {
  aboutAllAddresses,
  aboutAllRoutes,
  addressRemoval,
  decodeAddress,
  decodeRoute,
  INET,
  newAddress,
  newRoute,
  routeRemoval,
} from '../netlink/address-messages.ts';
import { mtuOfLink } from '../netlink/link-messages.ts';
import { openNetlinkSocket, type NetlinkSocket } from '../netlink/netlink-socket.ts';
import { inSandbox } from './sandbox-link.ts';
import { sandboxSteps, type SandboxState, type SandboxStep } from './sandbox-steps.ts';

/** A container's link, and a socket to ask the kernel about it and to change it. */
export interface OpenSandbox {
  readonly link: { readonly name: string; readonly index: number };
  readonly socket: NetlinkSocket;
}

interface Place extends ContainerLink {
  readonly netnsPath: string;
}

/**
 * Makes the changes. Stops at the first step that fails.
 * @returns false if the link is not in the sandbox, or there is no sandbox.
 * @throws PluginError SOCKET_FAILED if the sandbox cannot be entered, IP_COMMAND_FAILED.
 */
export async function changeSandbox(
  place: Place,
  changes: readonly SandboxChange[],
): Promise<boolean> {
  return withSandbox(place, async (sandbox) => {
    const mtu = changes.find((change) => change.type === 'set-mtu')?.mtu;
    const { hostEnd } = place;
    // The veth's end in this namespace gets the MTU, too.
    if (mtu !== undefined && hostEnd !== undefined) {
      await keepingHostOut(hostEnd, () => setMtu([hostEnd], mtu));
    }
    const state = await readState(sandbox);
    await takeSteps(sandbox, sandboxSteps(changes, sandbox.link.index, state));
  });
}

/**
 * Runs `work` with the sandbox, and closes it.
 * @returns false if the link is not in the sandbox, or there is no sandbox.
 * @throws PluginError SOCKET_FAILED if the sandbox cannot be entered, IP_COMMAND_FAILED.
 */
export async function withSandbox(
  place: Place,
  work: (sandbox: OpenSandbox) => Promise<void>,
): Promise<boolean> {
  const sandbox = openSandbox(place);
  if (sandbox === undefined) return false;
  try {
    await work(sandbox);
    return true;
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    const { netnsPath } = place;
    throw new PluginError('IP_COMMAND_FAILED', `in ${netnsPath}: ${error.message}`, {
      cause: error,
      evidence: { ...place, link: sandbox.link.name },
    });
  } finally {
    sandbox.socket.close();
  }
}

/**
 * Returns undefined if the link is not in the sandbox, or there is no sandbox.
 * @throws PluginError SOCKET_FAILED
 */
export function openSandbox(place: Place): OpenSandbox | undefined {
  const { netnsPath } = place;
  let trouble: Error | undefined;
  const found = inSandbox(
    netnsPath,
    place,
    (link) => ({ link, socket: openNetlinkSocket() }),
    (error) => (trouble = error),
  );
  if (typeof found === 'object') return found;
  if (found === 'not-yet' && trouble === undefined) return undefined;
  const why = trouble === undefined ? '' : `: ${trouble.message}`;
  throw new PluginError('SOCKET_FAILED', `sandbox ${netnsPath} cannot be entered${why}`, {
    cause: trouble,
    evidence: { ...place },
  });
}

const EAGAIN = 11;
const ENODEV = 19;
/** How often the kernel is asked if something changes each time while it lists. */
const ASKED_AT_MOST = 5;

async function readState({ link, socket }: OpenSandbox): Promise<SandboxState> {
  const addresses = (await readAll(socket, aboutAllAddresses(INET), 'reading the addresses'))
    .map((body) => decodeAddress(INET, body))
    .filter((entry) => entry.link === link.index);
  const routes = (await readAll(socket, aboutAllRoutes(INET), 'reading the routes'))
    .map((body) => decodeRoute(INET, body))
    .filter((route) => route !== undefined);
  return { addresses, routes };
}

/** @throws SystemCallError. */
export async function readAll(
  socket: NetlinkSocket,
  request: Uint8Array,
  what: string,
): Promise<readonly DataView[]> {
  for (let count = 0; count < ASKED_AT_MOST; count += 1) {
    const { bodies, isConsistent } = await socket.askForAll(request, what);
    if (isConsistent) return bodies;
  }
  throw new SystemCallError(what, EAGAIN, 'they changed each time they were read');
}

/**
 * Takes the steps in that order. Stops at the first that fails.
 * @throws SystemCallError, with code ENODEV if the link is gone.
 */
export async function takeSteps(
  sandbox: OpenSandbox,
  steps: readonly SandboxStep[],
): Promise<void> {
  for (const step of steps) await takeStep(sandbox, step);
}

async function takeStep(sandbox: OpenSandbox, step: SandboxStep): Promise<void> {
  await makeChange(sandbox, requestFor(step, sandbox.link));
}

/**
 * @returns false if there was nothing to do.
 * @throws SystemCallError, with code ENODEV if the link is gone.
 */
export async function makeChange(
  { socket }: OpenSandbox,
  { request, what, goneAs }: StepRequest,
): Promise<boolean> {
  try {
    const [answer] = await socket.ask([request], what);
    if (answer === undefined) throw new SystemCallError(what, ENODEV);
    return true;
  } catch (error) {
    if (!(error instanceof SystemCallError && error.code === goneAs)) throw error;
    return false;
  }
}

interface StepRequest {
  readonly request: Uint8Array;
  /** A text for the error: what is being done. */
  readonly what: string;
  /** The error of the kernel if there is nothing to do: the object is gone, or there already. */
  readonly goneAs?: string;
}

function requestFor(step: SandboxStep, { name, index }: OpenSandbox['link']): StepRequest {
  switch (step.type) {
    case 'set-mtu':
      return {
        request: mtuOfLink(index, step.mtu),
        what: `setting MTU ${step.mtu} of link ${name}`,
      };
    case 'add-address': {
      const entry = { link: index, ...step.address, broadcast: broadcastOf(step.address) };
      return {
        request: newAddress(INET, entry),
        what: `adding address ${cidr(step.address)} to link ${name}`,
      };
    }
    case 'remove-address':
      return {
        request: addressRemoval(INET, { link: index, ...step.address }),
        what: `removing address ${cidr(step.address)} from link ${name}`,
        goneAs: 'EADDRNOTAVAIL',
      };
    case 'set-route':
      return {
        request: newRoute(INET, { ...step.route, link: index }),
        what: `setting ${routeText(step.route)} on link ${name}`,
      };
    case 'remove-route':
      return {
        request: routeRemoval(INET, step.route),
        what: `removing ${routeText(step.route)} from link ${name}`,
        goneAs: 'ESRCH',
      };
  }
}

/** Returns undefined if the subnet is too small for a broadcast address. */
function broadcastOf({ address, prefixLength }: LinkAddress): Ipv4 | undefined {
  return prefixLength > 30 ? undefined : lastAddressOf(subnetOf(address, prefixLength));
}

export function cidr({
  address,
  prefixLength,
}: {
  readonly address: string;
  readonly prefixLength: number;
}): string {
  return `${address}/${prefixLength}`;
}

function routeText(route: {
  readonly destination: Ipv4;
  readonly prefixLength: number;
  readonly via: string | undefined;
}): string {
  const { destination, prefixLength, via } = route;
  return `route ${destination}/${prefixLength}${via === undefined ? '' : ` via ${via}`}`;
}
