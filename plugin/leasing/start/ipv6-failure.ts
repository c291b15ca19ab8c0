/**
 * Makes the sentence that `docker run` prints when a container without IPv4 got no address in time,
 * or not the one that was typed.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { LeaseSubject } from '../lease-subject.ts';
import type { Ipv6Evidence } from './ipv6-evidence.ts';
import { secondsText } from './lease-failure.ts';

type Code = 'ADDRESS_IN_USE' | 'ADDRESS_NOT_OFFERED' | 'NAK' | 'NO_OFFER';

export function ipv6Failure(
  evidence: Ipv6Evidence,
  subject: Pick<LeaseSubject, 'segment' | 'identity' | 'ipv6'>,
  waitedMs: Ms,
): PluginError {
  const { segment, identity, ipv6 } = subject;
  const { wishedAddress, duid, mode } = ipv6 ?? {};
  const { routers, plan, conflict, refusal, otherOffered, isPoolEmpty } = evidence;
  const heard = routers.length === 0 ? 'no router heard' : `routers heard: ${routers.join(', ')}`;
  const failed = (code: Code, what: string, hint: string) =>
    new PluginError(
      code,
      `${what} on ${segment} in ${secondsText(waitedMs)}: asked from ${identity.mac}, ${heard}; ${hint}`,
      { evidence: { ...evidence, segment, mac: identity.mac, duid, wishedAddress, waitedMs } },
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
