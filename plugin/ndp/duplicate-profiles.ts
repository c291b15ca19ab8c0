/** How long duplicate address detection takes. The names are those of the option `acd`. */
import type { Ms } from '../vocabulary/time.ts';

/** The variables of RFC 4862 §5.1 and RFC 4861 §6.3.2, with the names of the RFCs. */
export interface DuplicateProfile {
  /** How often the address is asked for. 0: the address is taken as free. */
  readonly DupAddrDetectTransmits: number;
  /** Between two questions, and after the last. */
  readonly RetransTimer: Ms;
}

/**
 * `full` has the values of RFC 4862 §5.1 and RFC 4861 §10. Deviation: there is no random delay of
 * up to 1 s before the first question (RFC 4862 §5.4.2): a container starts by itself, and its
 * router solicitation has gone before. Deviation: `fast` listens for 0.3 s. Hosts on one VLAN
 * answer
 * within milliseconds.
 */
export const DUPLICATE_PROFILES = {
  full: { DupAddrDetectTransmits: 1, RetransTimer: 1_000 },
  fast: { DupAddrDetectTransmits: 1, RetransTimer: 300 },
  none: { DupAddrDetectTransmits: 0, RetransTimer: 0 },
} as const satisfies Record<string, DuplicateProfile>;
