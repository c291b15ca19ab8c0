/**
 * Makes the sentence that `docker run` prints when no lease came in time. It takes it from the
 * client's trace: what was sent, on which link, what came back, and what to look at next.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import type { AddressBounds } from '../../vocabulary/lease.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { formatSubnet } from '../../wire/subnet.ts';
import { DECLINES_PER_HOUR } from '../segment/decline-budget.ts';
import type { LeaseSubject } from '../lease-subject.ts';
import type { Trace } from '../trace.ts';

/**
 * Leases of this host on the same segment. A server has confirmed them, and none of them waits for
 * a renewal.
 */
export interface LivingLeases {
  readonly count: number;
  readonly server: Ipv4;
  /** The time since the last confirmation. */
  readonly confirmedAgo: Ms;
}

export function leaseFailure(
  trace: Trace,
  subject: LeaseSubject,
  waitedMs: Ms,
  living?: LivingLeases,
): PluginError {
  const { segment, allowedServers, bounds, isBehind8021ad } = subject;
  const { mac, requestedAddress } = subject.identity;
  const waited = secondsText(waitedMs);
  const seen = `${trace.describeSent()} from ${mac}, ${trace.describeHeard()}`;
  const evidence = {
    ...{ segment, mac, requestedAddress, waitedMs },
    ...{ sent: trace.describeSent(), heard: trace.describeHeard() },
  };
  const failed = (
    code: 'ADDRESS_IN_USE' | 'ADDRESS_NOT_OFFERED' | 'NAK' | 'NO_ACK' | 'NO_OFFER',
    what: string,
    hint: string,
    more: Readonly<Record<string, unknown>> = {},
  ) =>
    new PluginError(code, `${what} on ${segment} in ${waited}: ${seen}; ${hint}`, {
      evidence: { ...evidence, ...more },
    });

  const conflict = trace.lastConflict;
  if (conflict !== undefined) {
    return failed(
      'ADDRESS_IN_USE',
      `${conflict.address} is in use by another host, MAC ${conflict.by}, and no other address was leased`,
      `give that host another address or take this one out of the server's pool${
        trace.isDeclineWithheld
          ? `; the server was not told (DECLINE): ${DECLINES_PER_HOUR} of them were sent on this segment within an hour, so look for a host that answers ARP for every address`
          : ''
      }`,
    );
  }
  const other = trace.otherAddressOffered;
  if (requestedAddress !== undefined && other !== undefined) {
    return failed(
      'ADDRESS_NOT_OFFERED',
      `no DHCP server offered ${requestedAddress}`,
      `the server has ${other} for this client: the address is taken, outside its pool or not reserved for this MAC`,
    );
  }
  const outside = trace.addressOutOfBounds;
  if (outside !== undefined && bounds !== undefined) {
    return failed(
      'ADDRESS_NOT_OFFERED',
      `no DHCP server offered an address of this network (${describeBounds(bounds)})`,
      `the server has ${outside} for this client: create the network with the subnet and --ip-range that the server serves, or let the server serve these`,
    );
  }
  if (trace.wasRefused) {
    return failed(
      'NAK',
      'the DHCP server refused every request (NAK)',
      "look at the server's log for this MAC",
    );
  }
  if (trace.defect !== undefined) {
    return failed('NO_ACK', 'no DHCP server gave a lease that can be used', trace.defect);
  }
  if (trace.heardOffer) {
    return failed(
      'NO_ACK',
      'a DHCP server offered an address but no lease followed',
      "look at the server's log for this MAC",
    );
  }
  const serversThat = (areDenied: boolean) =>
    trace.strangers.filter(({ isDenied }) => isDenied === areDenied).map(({ server }) => server);
  const [denied, strangers] = [serversThat(true), serversThat(false)];
  if (denied.length > 0) {
    return failed(
      'NO_OFFER',
      'no DHCP server answered but those of dhcp_deny',
      `${denied.join(', ')} answered and is never taken: take it out of dhcp_deny, or see why the right server is silent`,
    );
  }
  if (strangers.length > 0) {
    return failed(
      'NO_OFFER',
      `none of the DHCP servers in dhcp_server (${allowedServers.join(', ')}) answered`,
      `${strangers.join(', ')} answered and is not in dhcp_server: a rogue server, or one to add`,
    );
  }
  if (living !== undefined) {
    const { count, server } = living;
    const leases = count === 1 ? '1 lease is' : `${count} leases are`;
    return failed(
      'NO_OFFER',
      'no DHCP server offered an address',
      `${leases} in use here, of ${server}, confirmed ${secondsText(living.confirmedAgo)} ago: its pool is exhausted or has nothing for this MAC, or it has stopped since; look at its log`,
    );
  }
  return failed(
    'NO_OFFER',
    'no DHCP server answered',
    `check that a server or relay serves this segment and that the switch port carries it${isBehind8021ad === true ? NO_8021AD : ''}`,
    { isSilent: true },
  );
}

/** Linux does not say whether a card or switch passes the tag. Only silence can be seen. */
const NO_8021AD = '; if card or switch drops frames of 802.1ad, try -o outer=802.1q';

export function secondsText(ms: Ms): string {
  return `${(ms / 1000).toFixed(1).replace(/\.0$/, '')} s`;
}

function describeBounds({ within, except }: AddressBounds): string {
  const reserved = except.length === 0 ? '' : `, not ${except.join(', ')}`;
  return `${within.map(formatSubnet).join(', range ')}${reserved}`;
}

/**
 * True if nobody answered, or if a server offered and then fell silent. The server may not be up
 * yet.
 */
export function isSilence(error: unknown): boolean {
  return error instanceof PluginError && (error.code === 'NO_OFFER' || error.code === 'NO_ACK');
}
