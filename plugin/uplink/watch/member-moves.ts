/** What an operator is told when the machine of a member comes to another state. */
import type { Clock } from '../../clock.ts';
import type { WallTime } from '../../vocabulary/time.ts';
import type { Member } from '../member/member.ts';
import { problemText } from '../member/problem-text.ts';
import { SILENT_AFTER, type MemberState } from '../member/states.ts';
import { ofUplink } from './record-changes.ts';
import type { UplinkEmit } from './uplink-events.ts';

export type OnMove = (member: Pick<Member, 'record' | 'seen'>, state: MemberState) => void;

export function memberMoves(emit: UplinkEmit, clock: Pick<Clock, 'wall'>): OnMove {
  /** By device: since when its hub is silent. Bounded by the uplinks of this host. */
  const silences = new Map<string, WallTime>();
  return ({ record, seen }, state) => {
    const of = ofUplink(record);
    switch (state.name) {
      case 'SILENT':
        silences.set(of.uplink, clock.wall() - SILENT_AFTER);
        return emit({ type: 'uplink.silent', ...of });
      case 'UP': {
        const since = silences.get(of.uplink);
        if (!silences.delete(of.uplink) || since === undefined) return;
        return emit({ type: 'uplink.back', ...of, silentMs: Math.max(0, clock.wall() - since) });
      }
      case 'REVOKED':
        if (record.view !== undefined) return emit({ type: 'uplink.revoked', ...of });
        return emit({
          ...{ type: 'uplink.join-failed', ...of, reason: 'revoked' },
          message: problemText(state, seen.addresses, of.site, seen.stream).message,
        });
      case 'FAILED':
        return emit({
          ...{ type: 'uplink.join-failed', ...of, reason: state.problem.is },
          message: problemText(state, seen.addresses, of.site, seen.stream).message,
        });
      case 'JOINING':
        // An uplink of that name may have left while its hub was silent.
        return void silences.delete(of.uplink);
      case 'IDLE':
      case 'CONFIRMING':
      case 'TRYING':
      case 'ROTATING':
    }
  };
}
