/** What an operator sees of one uplink. */
import type { TunnelStatus } from './desired.ts';
import type { ManagementStatus } from './manage/managed-uplink.ts';
import type { Member } from './member/member.ts';
import { fingerprintOf, publicKeyOf } from './wireguard-key.ts';

/** One line of `vlandhcp uplink status`. */
export interface UplinkStatus {
  readonly device: string;
  readonly site: string;
  readonly state: 'joining' | 'up' | 'held' | 'silent' | 'revoked';
  readonly since: number;
  readonly name: string | undefined;
  readonly address: string | undefined;
  readonly vlans: readonly number[];
  readonly mtu: number | undefined;
  /** The largest packet that passes the tunnel. Undefined: not known yet. */
  readonly pathMtu?: number | undefined;
  readonly fingerprint: string;
  readonly hubAddress: string;
  /** By which way it speaks now. */
  readonly way: 'udp' | 'tls' | 'ssh';
  /** Of the hub: `203.0.113.10:51820`, `hub.example.net:443`, `user@hub by a, b`. */
  readonly endpoint: string;
  readonly roundTripMs: number | undefined;
  readonly silentMs: number | undefined;
  readonly tunnel: TunnelStatus | undefined;
  /** Undefined if its Docker is not managed. */
  readonly managed: ManagementStatus | undefined;
}

/** @param tunnel what the kernel has of it. */
export function statusOf(
  member: Member,
  tunnel: TunnelStatus | undefined,
  managed: ManagementStatus | undefined,
): UplinkStatus {
  const { record, state, seen } = member;
  const { view, hub, device } = record;
  return {
    ...{ device, site: hub.site, state: stateOf(member), since: seen.since },
    ...{ name: view?.name, address: view?.address, vlans: view?.vlans ?? [], mtu: view?.mtu },
    fingerprint: fingerprintOf(publicKeyOf(record.privateKey)),
    hubAddress: hub.address,
    ...wayOf(member, tunnel?.endpoint),
    ...{ roundTripMs: seen.roundTripMs, silentMs: seen.silentMs, tunnel },
    ...{ pathMtu: seen.pathMtu, managed },
    ...(state.name === 'IDLE' && { state: 'joining' as const }),
  };
}

/** @param endpoint what the kernel has. By a stream that is a port of this host. */
function wayOf({ seen }: Member, endpoint: string | undefined) {
  const { isByStream, stream } = seen;
  if (isByStream && stream) return { way: stream.is, endpoint: stream.words };
  return { way: 'udp' as const, endpoint: endpoint ?? seen.endpoint };
}

function stateOf({ state, record }: Member): UplinkStatus['state'] {
  switch (state.name) {
    case 'UP':
    case 'TRYING':
    case 'ROTATING':
      return record.view?.held === true ? 'held' : 'up';
    case 'SILENT':
      return 'silent';
    case 'REVOKED':
      return 'revoked';
    case 'IDLE':
    case 'JOINING':
    case 'CONFIRMING':
    case 'FAILED':
      return 'joining';
  }
}
