/**
 * Makes the sentence that `docker run` prints when a container without IPv4 got no address in time,
 * or not the one that was typed.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { Mac } from '../../wire/address.ts';
import type { Ipv6Subject, Ipv6Terms } from '../ipv6/ipv6-subject.ts';
import type { Ipv6Evidence } from './ipv6-evidence.ts';
import { secondsText } from './lease-failure.ts';

type Code = 'ADDRESS_IN_USE' | 'ADDRESS_NOT_OFFERED' | 'NAK' | 'NO_OFFER';

interface Seen {
  readonly subject: Ipv6Subject;
  readonly terms: Ipv6Terms;
  readonly evidence: Ipv6Evidence;
}

interface Asked {
  readonly segment: string;
  readonly mac: Mac;
  readonly waitedMs: Ms;
}

/** The failure if servers offer other addresses than the one that was typed. */
export function refusedWish(client: Seen, asked: Asked): PluginError | undefined {
  const { subject, terms, evidence } = client;
  const wished = subject.wishedAddress;
  const isRefused = wished !== undefined && evidence.otherOffered !== undefined;
  return isRefused && terms.address?.address !== wished ? ipv6Failure(client, asked) : undefined;
}

export function ipv6Failure(
  { subject: { wishedAddress, duid, mode }, evidence }: Seen,
  { segment, mac, waitedMs }: Asked,
): PluginError {
  const { routers, plan, conflict, refusal, otherOffered, isPoolEmpty } = evidence;
  const heard = routers.length === 0 ? 'no router heard' : `routers heard: ${routers.join(', ')}`;
  const failed = (code: Code, what: string, hint: string) =>
    new PluginError(
      code,
      `${what} on ${segment} in ${secondsText(waitedMs)}: asked from ${mac}, ${heard}; ${hint}`,
      { evidence: { ...evidence, segment, mac, duid, wishedAddress, waitedMs } },
    );

  if (wishedAddress !== undefined && otherOffered !== undefined) {
    return failed(
      'ADDRESS_NOT_OFFERED',
      `no DHCPv6 server offered ${wishedAddress}`,
      `the server has ${otherOffered} for this client: the address is taken, outside its pool or not reserved for DUID ${duid}`,
    );
  }
  if (conflict !== undefined) {
    return failed(
      'ADDRESS_IN_USE',
      `${conflict} is in use by another host, and there is no other IPv6 address`,
      'give that host another address, or this container another MAC or token',
    );
  }
  if (plan.dhcp === 'lease') {
    if (refusal !== undefined) {
      const { status, text } = refusal;
      return failed(
        'NAK',
        `the DHCPv6 server refused the request (status ${status}${text === '' ? '' : `, ${text}`})`,
        `look at its log for DUID ${duid}`,
      );
    }
    return isPoolEmpty
      ? failed(
          'NO_OFFER',
          'a DHCPv6 server answered that it has no address',
          `its pool is exhausted or has nothing for DUID ${duid}; look at its log`,
        )
      : failed(
          'NO_OFFER',
          'no DHCPv6 server answered',
          'check that a server or relay serves this segment, or type ipv6=slaac for an address of a prefix',
        );
  }
  if (routers.length === 0) {
    return failed(
      'NO_OFFER',
      'no router advertised itself',
      'check that a router of this segment sends advertisements, or type ipv6=dhcp for an address of a DHCPv6 server alone',
    );
  }
  return plan.slaac === undefined
    ? failed(
        'NO_OFFER',
        'no router offered an IPv6 address',
        mode === 'slaac'
          ? 'set the A flag of a /64 prefix on the router, or type ipv6=auto'
          : 'set the A flag of a /64 prefix or the M flag on the router, or type ipv6=dhcp',
      )
    : failed(
        'NO_OFFER',
        `${plan.slaac} was not proven unused in time`,
        'give it longer with lease_timeout=',
      );
}
