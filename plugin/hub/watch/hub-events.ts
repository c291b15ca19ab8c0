/**
 * The closed list of what the hub tells operators. docs/watch-an-uplink.md describes each type, and
 * test/unit/uplink/watch/events.test.ts holds the two together.
 */
import { ago, vlanWords } from '../../uplink/cli/words.ts';
import {
  COMMON_EVENTS,
  commonSentence,
  type CommonEvent,
} from '../../uplink/watch/common-events.ts';

/** Which member, or which invitation, an event is about: the name that the invitation gave it. */
interface OfMember {
  readonly member: string;
}

export type HubEvent =
  | CommonEvent
  | (OfMember & { readonly type: 'invitation.made'; readonly vlans: readonly number[] })
  | (OfMember & { readonly type: 'invitation.ended'; readonly cause: 'withdrawn' | 'expired' })
  | (OfMember & {
      readonly type: 'member.joined';
      readonly address: string;
      /** What the host calls itself. */
      readonly host: string;
      readonly vlans: readonly number[];
      /** True: an operator must approve it first. */
      readonly held: boolean;
    })
  | (OfMember & { readonly type: 'member.back'; readonly silentMs: number })
  | (OfMember & {
      readonly type: 'vlans.changed';
      readonly vlans: readonly number[];
      readonly before: readonly number[];
    })
  | (OfMember & { readonly type: 'key.changed'; readonly fingerprint: string })
  | (OfMember & { readonly type: 'path.changed'; readonly mtu: number })
  | (OfMember & { readonly type: 'token.used-again'; readonly usedBy: string })
  | {
      readonly type: 'call.refused';
      /** Undefined: nobody whom the hub knows. */
      readonly member: string | undefined;
      readonly from: string;
      /** `PUT /v1/self/key`. */
      readonly call: string;
      readonly reason: Refused;
      readonly error: string;
    }
  | (OfMember & {
      readonly type:
        | 'member.approved'
        | 'member.left'
        | 'member.revoked'
        | 'member.silent'
        | 'member.busy'
        | 'management.on'
        | 'management.off';
    });

/** Why the hub refused a call of a member. */
export type Refused =
  | 'malformed'
  | 'not-allowed'
  | 'no-such-call'
  | 'token-used'
  | 'token-expired'
  | 'too-often'
  | 'not-now';

/** What comes too often for a history. Metrics count it. */
export interface HubCounted {
  readonly type: 'refusal';
  readonly reason: Refused;
}

/** Each type, and what it tells. */
export const HUB_EVENTS: Readonly<Record<HubEvent['type'], string>> = {
  'invitation.made': 'An operator invited a host.',
  'invitation.ended': 'Nobody used an invitation. `cause` is `withdrawn` or `expired`.',
  'member.joined': 'A host joined. `held` is true while an operator must approve it.',
  'member.approved': 'An operator approved a member.',
  'member.left': 'A member left by itself.',
  'member.revoked': 'An operator revoked a member.',
  'member.silent': 'The hub has not heard a member for 15 seconds.',
  'member.back': 'The hub hears a member again. `silentMs` says how long it was silent.',
  'member.busy':
    'A member caused 60 events within an hour. More of them are left out until the hour is over.',
  'vlans.changed': 'An operator gave a member another list of VLANs.',
  'key.changed': 'A member has a new key. `fingerprint` is what the member shows of it.',
  'path.changed': 'Another size of packets passes on the way to a member. `mtu` is in bytes.',
  'management.on': 'The site may manage Docker of a member.',
  'management.off': 'The site may not manage Docker of a member any more.',
  'token.used-again': 'Another host came with a token that was used. `usedBy` is the first host.',
  'call.refused':
    'The hub refused a call of a member. Told once in 10 minutes for each member, call and reason.',
  ...COMMON_EVENTS,
};

/** One sentence, for people. */
export function hubSentence(event: HubEvent): string {
  switch (event.type) {
    case 'invitation.made':
      return `${event.member} is invited, with VLANs ${vlanWords(event.vlans)}.`;
    case 'invitation.ended':
      return `The invitation of ${event.member} has ${event.cause === 'expired' ? 'expired' : 'been withdrawn'}.`;
    case 'member.joined': {
      const { member, host, address, vlans, held } = event;
      const next = held ? 'An operator must approve it.' : `It has VLANs ${vlanWords(vlans)}.`;
      return `${host} joined as ${member}, ${address}. ${next}`;
    }
    case 'member.approved':
      return `${event.member} was approved.`;
    case 'member.left':
      return `${event.member} has left.`;
    case 'member.revoked':
      return `${event.member} was revoked.`;
    case 'member.silent':
      return `${event.member} has not been heard for 15 s.`;
    case 'member.back':
      return `${event.member} is heard again, after ${ago(event.silentMs)}.`;
    case 'member.busy':
      return `${event.member} causes too many events. More are left out for the rest of the hour.`;
    case 'vlans.changed':
      return `${event.member} has VLANs ${vlanWords(event.vlans)} now. They were ${vlanWords(event.before)}.`;
    case 'key.changed':
      return `${event.member} has a new key, ${event.fingerprint}.`;
    case 'path.changed':
      return `Packets of ${event.mtu} bytes pass on the way to ${event.member}.`;
    case 'management.on':
      return `Docker of ${event.member} may be managed.`;
    case 'management.off':
      return `Docker of ${event.member} may not be managed any more.`;
    case 'token.used-again':
      return `The token of ${event.member} came a second time. ${event.usedBy} has used it.`;
    case 'call.refused':
      return `${event.member ?? event.from} asked ${event.call}. The hub refused: ${event.error}.`;
    case 'trouble':
    case 'service.started':
    case 'service.stopped':
      return commonSentence(event);
  }
}
