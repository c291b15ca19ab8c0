/** What the kernel is to have for a member, and the words of the log for its states. */
import { TUNNEL_PREFIX, type MemberDesired } from '../desired.ts';
import type { MemberView } from '../protocol/registrar-protocol.ts';
import type { WgKey } from '../wireguard-key.ts';
import type { UplinkRecord } from './member-record.ts';
import type { Identity, StateName } from './states.ts';

/**
 * @param endpoint of the hub, to try now. Undefined while its name is not known.
 * @param view undefined while it joins.
 */
export function desiredOf(
  { device, privateKey, nextKey, oneTime, hub, isManaged = false }: UplinkRecord,
  identity: Identity,
  endpoint: string | undefined,
  view: MemberView | undefined,
  carrier: boolean,
): MemberDesired {
  const { publicKey, address: hubAddress, site } = hub;
  const keys: Readonly<Record<Identity, WgKey | undefined>> = {
    ...{ 'one-time': oneTime?.secret, own: privateKey, next: nextKey },
  };
  const hasTrunk = view !== undefined && view.vlans.length > 0;
  return {
    ...{ device, privateKey: keys[identity] ?? privateKey, prefixLength: TUNNEL_PREFIX },
    address: view?.address ?? oneTime?.address ?? '',
    hub: { publicKey, address: hubAddress, endpoint },
    mesh: view?.mesh === true,
    isManaged,
    trunk: hasTrunk
      ? { site, vni: view.vni, vlans: view.vlans, mtu: view.mtu, carrier }
      : undefined,
  };
}

export const LOG_WORDS: Readonly<Record<StateName, string>> = {
  IDLE: 'uplink idle',
  JOINING: 'uplink: asking the hub to take the token',
  CONFIRMING: 'uplink: the hub has taken the token',
  UP: 'uplink up',
  SILENT: 'uplink down: the hub is silent',
  TRYING: 'uplink: trying whether UDP is open again',
  ROTATING: 'uplink: changing over to a new key',
  REVOKED: 'uplink down: the hub has revoked this host',
  FAILED: 'uplink: not joined',
};
