/**
 * The RA of a router as a container hears it that starts later: lifetimes are less by the age of
 * the RA, and it is sent to all nodes. An RA may have been unicast to another host, and the kernel
 * drops unicast to an address that is still tentative.
 *
 * The RA has the source and the MAC of its router. It must only be sent into a container.
 */
import type { Instant } from '../vocabulary/time.ts';
import { ALL_NODES, multicastMacOf } from '../wire/address6.ts';
import { encodeNdpFrame, type NdpFrame } from './frame.ts';
import type { RouterAdvertisement } from './message.ts';
import type { NdpOption } from './options.ts';
import { remainingSeconds, type HeardPrefix, type Router } from './routers.ts';

/** RFC 8200 §5: each link passes a packet of this length. 14 more are the Ethernet header. */
const SAFE_FRAME_LENGTH = 1280 + 14;

export function replayOf(router: Router, now: Instant): NdpFrame<RouterAdvertisement> {
  const { advertisement, heardAt } = router;
  const replay = (
    older: readonly HeardPrefix[],
    options: readonly NdpOption[] = advertisement.options,
  ): NdpFrame<RouterAdvertisement> => ({
    sourceMac: router.mac,
    destinationMac: multicastMacOf(ALL_NODES),
    source: router.address,
    destination: ALL_NODES,
    message: {
      ...advertisement,
      routerLifetime: remainingSeconds(advertisement.routerLifetime, heardAt, now),
      options: [
        ...options.map((option) => aged(option, heardAt, now)),
        ...older.map((prefix) => aged(prefix.option, prefix.heardAt, now)),
      ],
    },
  });
  // Prefixes of older RAs are left out if they make the packet too long. Their router sends them.
  let older = router.older;
  while (older.length > 0 && encodeNdpFrame(replay(older)).length > SAFE_FRAME_LENGTH) {
    older = older.slice(0, -1);
  }
  if (encodeNdpFrame(replay(older)).length <= SAFE_FRAME_LENGTH) return replay(older);
  return replay(older, advertisement.options.filter(isForKernel));
}

/** DNS servers and options that nobody knows here can be many, and no kernel uses them. */
function isForKernel({ type }: NdpOption): boolean {
  return type !== 'rdnss' && type !== 'dnssl' && type !== 'unknown';
}

/** A lifetime inside an option that is not known cannot be lowered. */
function aged(option: NdpOption, heardAt: Instant, now: Instant): NdpOption {
  const left = (lifetime: number): number => remainingSeconds(lifetime, heardAt, now);
  switch (option.type) {
    case 'prefix':
      return {
        ...option,
        validLifetime: left(option.validLifetime),
        preferredLifetime: left(option.preferredLifetime),
      };
    case 'route':
    case 'rdnss':
    case 'dnssl':
      return { ...option, lifetime: left(option.lifetime) };
    case 'source-link-layer':
    case 'target-link-layer':
    case 'mtu':
    case 'unknown':
      return option;
  }
}
