/**
 * Turns a client's trace into the sentence that `docker run` prints when no lease came in time: what was
 * sent, on which link, what came back, and what to look at next.
 */
import { PluginError } from '../errors.ts';
import type { Ms } from '../time.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import type { Trace } from './trace.ts';

export interface LeaseAttempt {
  /** Where it was tried, as the user knows it: `VLAN 500 of eth1`. */
  readonly segment: string;
  readonly mac: Mac;
  readonly requestedAddress: Ipv4 | undefined;
  readonly waitedMs: Ms;
}

export function leaseFailure(trace: Trace, attempt: LeaseAttempt): PluginError {
  const waited = `${(attempt.waitedMs / 1000).toFixed(1).replace(/\.0$/, '')} s`;
  const seen = `${trace.describeSent()} from ${attempt.mac}, ${trace.describeHeard()}`;
  const evidence = { ...attempt, sent: trace.describeSent(), heard: trace.describeHeard() };
  const failed = (
    code: 'ADDRESS_NOT_OFFERED' | 'NAK' | 'NO_ACK' | 'NO_OFFER',
    what: string,
    hint: string,
  ) =>
    new PluginError(code, `${what} on ${attempt.segment} in ${waited}: ${seen}; ${hint}`, {
      evidence,
    });

  const other = trace.otherAddressOffered;
  if (attempt.requestedAddress !== undefined && other !== undefined) {
    return failed(
      'ADDRESS_NOT_OFFERED',
      `no DHCP server offered ${attempt.requestedAddress}`,
      `the server has ${other} for this client: the address is taken, outside its pool or not reserved for this MAC`,
    );
  }
  if (trace.wasRefused) {
    return failed(
      'NAK',
      'the DHCP server refused every request (NAK)',
      "look at the server's log for this MAC",
    );
  }
  if (trace.heardOffer) {
    return failed(
      'NO_ACK',
      'a DHCP server offered an address but no lease followed',
      "look at the server's log for this MAC",
    );
  }
  return failed(
    'NO_OFFER',
    'no DHCP server answered',
    'check that a server or relay serves this segment and that the switch port carries it',
  );
}
