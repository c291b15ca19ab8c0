/**
 * The closed list of what the service of an uplink tells operators. docs/watch-an-uplink.md
 * describes each type, and test/unit/uplink/watch/events.test.ts holds the two together.
 */
import type { UplinkStatus } from '../uplink-status.ts';
import { COMMON_EVENTS, type CommonEvent } from './common-events.ts';

/** Which uplink an event is about. */
export interface OfUplink {
  /** `uplink0`. */
  readonly uplink: string;
  readonly site: string;
}

export type Way = UplinkStatus['way'];

/**
 * Why a join failed: nobody answered, the hub said no, the hub could not, or this host could not
 * make the links.
 */
export type JoinProblem = 'silent' | 'refused' | 'unable' | 'links' | 'revoked';

export type UplinkEvent =
  | CommonEvent
  | (OfUplink & {
      readonly type: 'uplink.joined';
      /** What the hub calls this host. */
      readonly name: string;
      readonly address: string;
      readonly vlans: readonly number[];
      /** True: an operator must approve it first. */
      readonly held: boolean;
    })
  | (OfUplink & {
      readonly type: 'uplink.join-failed';
      readonly reason: JoinProblem;
      readonly message: string;
    })
  | (OfUplink & { readonly type: 'uplink.back'; readonly silentMs: number })
  | (OfUplink & { readonly type: 'way.changed'; readonly way: Way })
  | (OfUplink & {
      readonly type: 'vlans.changed';
      readonly vlans: readonly number[];
      readonly before: readonly number[];
    })
  | (OfUplink & { readonly type: 'key.changed'; readonly fingerprint: string })
  | (OfUplink & {
      readonly type:
        | 'uplink.approved'
        | 'uplink.silent'
        | 'uplink.revoked'
        | 'uplink.left'
        | 'carrier.up'
        | 'carrier.down'
        | 'management.on'
        | 'management.off'
        | 'links.repaired';
    });

export type UplinkEmit = (event: UplinkEvent) => void;

/** Each type, and what it tells. */
export const UPLINK_EVENTS: Readonly<Record<UplinkEvent['type'], string>> = {
  'uplink.joined': 'This host joined a site. `held` is true while an operator must approve it.',
  'uplink.join-failed':
    'A join failed. `reason` is `silent`, `refused`, `unable`, `links` or `revoked`; `message` says more.',
  'uplink.approved': 'An operator at the hub approved this host.',
  'uplink.silent': 'The hub has not answered for 10 seconds.',
  'uplink.back': 'The hub answers again. `silentMs` says how long it was silent.',
  'uplink.revoked': 'The hub has revoked this host. The uplink stays down.',
  'uplink.left': 'The uplink was removed from this host.',
  'carrier.up': 'The trunk got its carrier. Containers on it can be reached.',
  'carrier.down': 'The trunk lost its carrier. Nothing passes.',
  'way.changed': 'The uplink speaks by another way: `udp`, `tls` or `ssh`.',
  'vlans.changed': 'The hub gave this host another list of VLANs.',
  'key.changed': 'The uplink has a new key. `fingerprint` is what the hub shows of it.',
  'management.on': 'The site may manage Docker of this host.',
  'management.off': 'The site may not manage Docker of this host any more.',
  'links.repaired': 'A link or the rules of the uplink were missing. The service made them again.',
  ...COMMON_EVENTS,
};
