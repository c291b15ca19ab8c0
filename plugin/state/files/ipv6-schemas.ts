/** The schemas of what is stored of a container's IPv6. */
import * as v from 'valibot';
import { parseDuid, type Duid } from '../../vocabulary/ipv6/duid.ts';
import { IPV6_SOURCES } from '../../vocabulary/ipv6/addressing.ts';
import { parseIpv6, subnet6Of, type Ipv6, type Subnet6 } from '../../wire/address6.ts';
import type { StoredIpv6 } from '../stored-ipv6.ts';
import { absentOr, bootInstant, flag, text, wallTime, wallTimeOrNever } from './value-schemas.ts';

const address = v.custom<Ipv6>(
  (value) => typeof value === 'string' && parseIpv6(value) === value,
  'an IPv6 address',
);
const duid = v.custom<Duid>(
  (value) => typeof value === 'string' && parseDuid(value) === value,
  'a DUID',
);
const iaid = v.custom<number>(
  (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32,
  'an IAID of 32 bits',
);
const prefixLength = v.custom<number>(
  (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 128,
  'a prefix length from 0 to 128',
);

export const subnet6 = v.pipe(
  v.looseObject({ network: address, prefixLength }),
  v.check(
    ({ network, prefixLength: length }) => subnet6Of(network, length).network === network,
    'a network address without host bits',
  ),
) satisfies v.GenericSchema<unknown, Subnet6>;

const address6 = v.looseObject({
  address,
  prefixLength,
  source: v.picklist(IPV6_SOURCES),
});

const lease6 = v.looseObject({
  addresses: v.pipe(
    v.array(
      v.looseObject({ address, preferredUntil: wallTimeOrNever, validUntil: wallTimeOrNever }),
    ),
    v.minLength(1),
    v.maxLength(64),
  ),
  serverId: duid,
  dnsServers: v.pipe(v.array(address), v.maxLength(64)),
  domainSearch: v.pipe(v.array(text), v.maxLength(64)),
  requestedAt: wallTime,
  t1At: wallTimeOrNever,
  t2At: wallTimeOrNever,
  boot: absentOr(bootInstant),
});

export const ipv6 = v.looseObject({
  identity: v.optional(v.looseObject({ duid, iaid })),
  wish: v.optional(v.looseObject({ token: v.optional(address), address: v.optional(address) })),
  address: absentOr(address6),
  lease: absentOr(lease6),
  answered: absentOr(address6),
  configured: absentOr(address6),
  isGiven: v.optional(flag),
  contested: v.optional(v.pipe(v.array(address), v.maxLength(64))),
}) satisfies v.GenericSchema<unknown, StoredIpv6>;
