/** How fast an address is probed for and announced. */
import type { Ms } from '../vocabulary/time.ts';

/** The constants of RFC 5227 §1.1, with the names of the RFC. */
export interface ProbeProfile {
  readonly PROBE_WAIT: Ms;
  readonly PROBE_NUM: number;
  readonly PROBE_MIN: Ms;
  readonly PROBE_MAX: Ms;
  readonly ANNOUNCE_WAIT: Ms;
  readonly ANNOUNCE_NUM: number;
  readonly ANNOUNCE_INTERVAL: Ms;
  readonly DEFEND_INTERVAL: Ms;
}

const FULL: ProbeProfile = {
  PROBE_WAIT: 1_000,
  PROBE_NUM: 3,
  PROBE_MIN: 1_000,
  PROBE_MAX: 2_000,
  ANNOUNCE_WAIT: 2_000,
  ANNOUNCE_NUM: 2,
  ANNOUNCE_INTERVAL: 2_000,
  DEFEND_INTERVAL: 10_000,
};

/**
 * Deviation: `fast` sends 2 probes 200 ms apart and listens for 200 ms more. The RFC's numbers
 * delay each start of a container by 4 to 7 s. Hosts on one VLAN answer ARP within milliseconds.
 */
export const PROBE_PROFILES = {
  full: FULL,
  fast: {
    ...FULL,
    PROBE_WAIT: 0,
    PROBE_NUM: 2,
    PROBE_MIN: 200,
    PROBE_MAX: 200,
    ANNOUNCE_WAIT: 200,
  },
} as const satisfies Record<string, ProbeProfile>;
