/** A host of which the doctor learns nothing bad. */
import type { Sights } from '../../../plugin/doctor/gather/sights.ts';

export const NO_SIGHTS: Sights = {
  disk: { folder: '/state', space: () => undefined },
  forwarding: () => Promise.resolve({ chains: [], passesIp: { ipv4: false, ipv6: false } }),
  asContainer: () => Promise.resolve(undefined),
  cardDriver: () => undefined,
};
