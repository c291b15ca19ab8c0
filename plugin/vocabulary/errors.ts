/**
 * The vocabulary of failure: the closed list of codes a request can fail with.
 *
 * A message says what failed, on which object, what was seen and what would fix it; dockerd prints it
 * to the person who typed the command. Evidence for the log goes into `evidence`.
 */

export const ERROR_CODES = [
  'INVALID_REQUEST', // dockerd's JSON lacks what the call needs
  'INVALID_OPTION', // a user option: unknown, malformed, out of range, contradictory
  'UNSUPPORTED', // understood, and deliberately not done
  'NETWORK_UNKNOWN',
  'ENDPOINT_UNKNOWN',
  'POOL_UNKNOWN',
  'POOL_CONFLICT', // a pool that overlaps what the host has, or that cannot be told from another
  'PARENT_LINK_MISSING',
  'PARENT_LINK_UNUSABLE', // down, enslaved, or carrying the host's own address
  'VLAN_UNSUPPORTED', // the kernel has no 802.1Q
  'LINK_MISSING', // a bridge or VLAN link of the operator's, after the network was made
  'LINK_CONFLICT', // a link of that name or tag exists and is something else
  'NO_OFFER', // no DHCP server answered in time
  'NO_ACK', // a server offered, and then did not acknowledge in time
  'NAK', // the server refused, and the time ran out
  'ADDRESS_IN_USE', // another host has the address that was leased, and the time ran out
  'ADDRESS_NOT_OFFERED', // the address asked for is not what servers offer
  'WRONG_SUBNET', // what the server leases does not fit the network's subnet
  'IP_COMMAND_FAILED',
  'SOCKET_FAILED',
  'STATE_UNREADABLE',
  'STATE_UNWRITABLE',
  'CANCELLED', // dockerd hung up, or the plugin is stopping
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export class PluginError extends Error {
  override readonly name = 'PluginError';
  readonly code: ErrorCode;
  readonly evidence: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; evidence?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.evidence = options.evidence ?? {};
  }
}

/** Marks code that a complete `switch` never reaches; fails one request, not the daemon. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}`);
}
