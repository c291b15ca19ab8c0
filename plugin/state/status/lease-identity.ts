/** By what a DHCP server knows a container. An operator makes a reservation of it. */
import type { LeaseRecord } from '../lease-records.ts';
import { duidOfMac } from '../../vocabulary/ipv6/duid.ts';

export interface LeaseIdentity {
  /** Option 61 as the server sees it: octets in hex with colons, the type first. */
  readonly clientId: string;
  /** True if the server has to go by the client identifier, because it is not made of the MAC. */
  readonly isByClientId: boolean;
  /** False if the next container of the same name is somebody else to the server. */
  readonly isStable: boolean;
  /** The host name that the server is told. */
  readonly hostName: string | undefined;
  /** The DUID of DHCPv6. Undefined without IPv6. */
  readonly duid: string | undefined;
}

export function leaseIdentity({
  mac,
  clientId,
  isMacShared,
  hostName,
  isStable,
  ipv6,
}: LeaseRecord): LeaseIdentity {
  const colons = clientId.replace(/..(?!$)/g, '$&:');
  return {
    clientId: colons,
    isByClientId: isMacShared === true || colons !== `01:${mac}`,
    ...{ isStable, hostName },
    duid: ipv6 && (ipv6.identity?.duid ?? duidOfMac(mac)),
  };
}
