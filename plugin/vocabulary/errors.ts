/**
 * The vocabulary of failure: the closed list of codes that a request can fail with.
 *
 * A message says what failed, on which object, what was seen and what would fix it. dockerd prints
 * it to the person who typed the command. Evidence for the log goes into `evidence`.
 */

export const ERROR_CODES = [
  'INVALID_REQUEST', // dockerd's JSON lacks what the call needs
  'INVALID_OPTION', // a user option: unknown, malformed, out of range, contradictory
  'UNSUPPORTED', // understood, but refused on purpose
  'NETWORK_UNKNOWN',
  'ENDPOINT_UNKNOWN',
  'POOL_UNKNOWN',
  'POOL_CONFLICT', // the pool overlaps a subnet of the host, or cannot be told from another pool
  'PARENT_LINK_MISSING',
  'PARENT_LINK_UNUSABLE', // the parent is down, enslaved, or has the host's own address
  'VLAN_UNSUPPORTED', // the kernel has no 802.1Q
  'LINK_MISSING', // the operator's bridge or VLAN link is gone since the network was made
  'LINK_CONFLICT', // a link with that name or tag exists and is something else
  'NO_OFFER', // no DHCP server answered in time
  'NO_ACK', // a server offered, but did not acknowledge in time
  'NAK', // the server refused, and there is no time for another attempt
  'ADDRESS_IN_USE', // another host has the leased address, and there is no time for another attempt
  'ADDRESS_NOT_OFFERED', // the servers do not offer the address that was asked for
  'WRONG_SUBNET', // the leased address does not fit the subnet of the network
  'LEASE_BUSY', // an operator wants what the holder of the lease does not allow
  'TOKEN_INVALID', // the token of an uplink: cut, mistyped, expired, of another version
  'HUB_SILENT', // the hub of an uplink does not answer
  'HUB_REFUSED', // the hub of an uplink answers, and refuses
  'IP_COMMAND_FAILED',
  'SOCKET_FAILED',
  'STATE_UNREADABLE',
  'STATE_UNWRITABLE',
  'CANCELLED', // dockerd closed the connection, or the plugin is stopping
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

/** What to print of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Marks code that a complete `switch` never reaches. It fails one request and not the process. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}`);
}
