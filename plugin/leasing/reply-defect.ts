/**
 * Says in words what is wrong with a server's answer to us that cannot be used. `docker run` prints
 * it.
 */
import type { Effect, IgnoreReason } from '../dhcp4/client/client.ts';
import { subnetWidthOf } from '../dhcp4/lease-terms.ts';
import { optionName } from '../dhcp4/option-names.ts';
import { durationOf, ipv4Of, OPTION } from '../dhcp4/options.ts';

export type IgnoredMessage = Omit<Extract<Effect, { type: 'ignored' }>, 'type'>;

/**
 * @returns `the OFFER of 10.50.0.1 lacks option 54 (server identifier); …`, or undefined if nothing
 * is wrong with it.
 */
export function defectOf(
  { reason, message, sourceAddress }: IgnoredMessage,
  type: string,
): string | undefined {
  const what = describe(reason, message);
  if (what === undefined) return undefined;
  const server = ipv4Of(message.options, OPTION.SERVER_ID);
  const from = server === undefined || server === '0.0.0.0' ? sourceAddress : server;
  return `the ${type} of ${from} ${what}`;
}

function describe(
  reason: IgnoreReason,
  { options, damaged, yiaddr }: IgnoredMessage['message'],
): string | undefined {
  const lenient = `; -o server_id=lenient accepts it`;
  const bad = (code: number, value: unknown) =>
    `has an ${optionName(code)} that cannot be read: ${damaged?.get(code) ?? `it is ${String(value)}`}`;
  switch (reason) {
    case 'no-server-id':
      return `lacks ${optionName(OPTION.SERVER_ID)}${lenient}`;
    case 'bad-server-id':
      return `${bad(OPTION.SERVER_ID, ipv4Of(options, OPTION.SERVER_ID))}${lenient}`;
    case 'no-lease-time':
      return `lacks ${optionName(OPTION.LEASE_TIME)}`;
    case 'bad-lease-time':
      return bad(OPTION.LEASE_TIME, durationOf(options, OPTION.LEASE_TIME));
    case 'lease-too-short':
      return `is for a lease of ${(durationOf(options, OPTION.LEASE_TIME) ?? 0) / 1000} s; at least 5 s can be kept`;
    case 'address-is-network':
      return `is for ${yiaddr}, the network address of its subnet`;
    case 'address-is-broadcast':
      return `is for ${yiaddr}, the broadcast address of its subnet`;
    case 'address-is-server':
      return `is for ${yiaddr}, the server's own address`;
    case 'address-not-unicast':
      return `is for ${yiaddr}, which no host can have`;
    case 'gateway-not-in-subnet':
      return `is for ${yiaddr}/${subnetWidthOf({ options, yiaddr }).prefixLength}, where no host can have the gateway that -o gateway= names; correct gateway=, or leave it out`;
    // The answer is not for us, comes at the wrong time, or has a sentence of its own elsewhere.
    case 'not-a-reply':
    case 'chaddr-mismatch':
    case 'xid-mismatch':
    case 'client-id-mismatch':
    case 'unexpected-in-state':
    case 'server-not-allowed':
    case 'server-denied':
    case 'no-rapid-commit':
    case 'server-mismatch':
    case 'address-not-requested':
    case 'address-out-of-bounds':
    case 'address-declined':
    case 'already-expired':
      return undefined;
  }
}
