/** Leases and networks as the admin API tells them. */
import type { LeaseEntry } from '../../../plugin/state/status/lease-list.ts';
import type { NetworkEntry } from '../../../plugin/state/status/network-list.ts';

export const NETWORK_ID = 'a'.repeat(64);

export function leaseEntry(parts: Partial<LeaseEntry> = {}): LeaseEntry {
  return {
    ...{ network: NETWORK_ID, segment: 'VLAN 500 of eth1', holder: 'container' },
    ...{ endpoint: 'e'.repeat(64), mac: '02:74:52:1f:fe:e0', address: '10.50.0.23/24' },
    ...{ ipv6: undefined, gateway: '10.50.0.1', state: 'leased', server: '10.50.0.1' },
    ...{ renewsAt: '2026-11-28T03:30:00.000Z', rebindsAt: '2026-11-28T03:52:30.000Z' },
    ...{ expiresAt: '2026-11-28T04:00:00.000Z', renewal: undefined, lost: undefined },
    ...{ conflict: undefined, heldSince: undefined },
    ...parts,
  };
}

export function networkEntry(parts: Partial<NetworkEntry> = {}): NetworkEntry {
  return {
    ...{ network: NETWORK_ID, segment: 'VLAN 500 of eth1', mode: 'bridge', mtu: 1500 },
    families: [4],
    ...{ bridge: 'br500', leases: {}, conflicts: 0, waitingSince: undefined },
    ...parts,
  };
}
