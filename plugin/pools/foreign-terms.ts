/**
 * What a lease's new terms mean for a container of Docker's own drivers. At every start Docker
 * gives the container the subnet and the gateway of its network. So neither the plugin nor a
 * restart applies what the server changed. The log tells an operator what to do. Terms that Docker
 * never applies (routes, DNS) are left out.
 */
import type { LeaseTerms } from '../vocabulary/lease.ts';
import type { LeaseChange } from '../leasing/client-runner.ts';
import { formatSubnet, subnetOf } from '../wire/subnet.ts';
import type { PoolRecord } from '../state/pool-records.ts';

export interface TermsNotice {
  readonly level: 'info' | 'warn';
  readonly message: string;
  /** Fields of the log line. */
  readonly fields: Readonly<Record<string, string | number>>;
}

type Terms = Pick<LeaseTerms, 'address' | 'prefixLength' | 'gateway' | 'mtu'>;
type Given = Pick<PoolRecord, 'subnet' | 'gateway' | 'link'>;

/** Ethernet's MTU, used if the server sends none. */
const USUAL_MTU = 1500;

/**
 * One notice for each term that differs and that matters to the container.
 * @param known undefined after a time without a lease. Then what Docker gave the container counts.
 */
export function changedTerms(
  known: Terms | undefined,
  after: Terms,
  given: Given,
): readonly TermsNotice[] {
  const { subnet, gateway } = given;
  const { prefixLength } = subnet;
  const isTold = gateway.from !== 'unknown' && after.gateway !== undefined;
  const before = known ?? {
    ...{ ...after, prefixLength },
    gateway: isTold ? gateway.address : after.gateway,
  };
  return [
    ...(before.gateway === after.gateway ? [] : [routerNotice(before, after, given)]),
    ...(before.prefixLength === after.prefixLength ? [] : [subnetNotice(after, given)]),
    ...(before.mtu === after.mtu ? [] : [mtuNotice(before, after, given)]),
  ];
}

function routerNotice(before: Terms, after: Terms, { gateway }: Given): TermsNotice {
  const isKnown = gateway.from !== 'unknown';
  const fields = {
    ...{ router: after.gateway ?? 'none', before: before.gateway ?? 'none' },
    gateway: isKnown ? gateway.address : 'not known',
  };
  return isKnown && after.gateway === gateway.address
    ? { level: 'info', message: NOTICES.sameRouter, fields }
    : { level: 'warn', message: NOTICES.router, fields };
}

function subnetNotice({ address, prefixLength }: Terms, { subnet }: Given): TermsNotice {
  const fields = {
    served: formatSubnet(subnetOf(address, prefixLength)),
    subnet: formatSubnet(subnet),
  };
  return prefixLength === subnet.prefixLength
    ? { level: 'info', message: NOTICES.sameSubnet, fields }
    : { level: 'warn', message: NOTICES.subnet, fields };
}

function mtuNotice(before: Terms, after: Terms, { link }: Given): TermsNotice {
  const [old, mtu] = [before.mtu ?? USUAL_MTU, after.mtu ?? USUAL_MTU];
  const fields = { mtu, before: old, link: link ?? 'not known' };
  return mtu < old
    ? { level: 'warn', message: NOTICES.smallerMtu, fields }
    : { level: 'info', message: NOTICES.largerMtu, fields };
}

const NOTICES = {
  router:
    'the server names another router; the container keeps the gateway of its network, also after a restart; if that gateway is gone, make the network again with the new router',
  sameRouter: 'the server names the router again that the container has',
  subnet:
    'the server has another subnet mask; the container keeps the subnet of its network, and its next start is refused; make the network again with the new subnet',
  sameSubnet: 'the server has the subnet mask again that the container has',
  smallerMtu:
    'the server names a smaller MTU, which Docker does not apply; macvlan, ipvlan: ip link set LINK mtu MTU; bridge: make the network again with -o com.docker.network.driver.mtu=MTU',
  largerMtu: 'the server names a larger MTU; the container keeps the one it has, which still works',
} as const;

/**
 * A container whose lease was lost keeps its address. Docker gave it, and only a new start changes
 * it.
 */
export const LOSS_NOTICES: Readonly<
  Record<Exclude<NonNullable<LeaseChange['cause']>, 'released'>, string>
> = {
  expired:
    'lease lost; the container keeps its address, which Docker gave it, and has a lease again when a server grants that address: see to the DHCP server',
  nak: 'lease lost; the container keeps its address, which Docker gave it, though the server refused to renew it: restart the container; if the VLAN has another subnet now, make the network again',
  declined:
    'lease lost; the container keeps its address, which Docker gave it, though another host has it: find that host, or restart the container for another address; it has a lease again when that host is gone',
};
