/**
 * What an operator is told when the record of an uplink changes. The store is where every change
 * passes, so nothing else has to tell.
 */
import type { UplinkRecord, UplinkStore } from '../member/member-record.ts';
import { fingerprintOf, publicKeyOf } from '../wireguard-key.ts';
import type { OfUplink, UplinkEmit, UplinkEvent, Way } from './uplink-events.ts';

/** Pure. @param before undefined: there was none. @returns in the order in which to tell them. */
function recordChanges(
  before: UplinkRecord | undefined,
  after: UplinkRecord,
): readonly UplinkEvent[] {
  const of = ofUplink(after);
  const { view, isManaged = false } = after;
  if (view === undefined) return [];
  const events: UplinkEvent[] = [];
  const former = before?.view;
  if (former === undefined) {
    const { name, address, vlans, held } = view;
    events.push({ type: 'uplink.joined', ...of, name, address, vlans, held });
  } else {
    if (former.held && !view.held) events.push({ type: 'uplink.approved', ...of });
    if (former.vlans.join() !== view.vlans.join()) {
      events.push({ type: 'vlans.changed', ...of, vlans: view.vlans, before: former.vlans });
    }
  }
  if (before !== undefined && before.privateKey !== after.privateKey) {
    const fingerprint = fingerprintOf(publicKeyOf(after.privateKey));
    events.push({ type: 'key.changed', ...of, fingerprint });
  }
  const way = wayOf(after);
  if (before !== undefined && way !== wayOf(before))
    events.push({ type: 'way.changed', ...of, way });
  // A record that joins has said before whether it is managed.
  const wasManaged = former !== undefined && before?.isManaged === true;
  if (isManaged !== wasManaged) {
    events.push({ type: isManaged ? 'management.on' : 'management.off', ...of });
  }
  return events;
}

/** @param records what is stored already. */
export function watchedStore(
  store: UplinkStore,
  records: readonly UplinkRecord[],
  emit: UplinkEmit,
): UplinkStore {
  /** By device. Bounded by the uplinks of this host. */
  const known = new Map(records.map((record) => [record.device, record]));
  return {
    async save(record) {
      await store.save(record);
      const before = known.get(record.device);
      known.set(record.device, record);
      for (const event of recordChanges(before, record)) emit(event);
    },
    async remove(device) {
      await store.remove(device);
      const before = known.get(device);
      known.delete(device);
      if (before?.view !== undefined) emit({ type: 'uplink.left', ...ofUplink(before) });
    },
  };
}

export function ofUplink({ device, hub }: UplinkRecord): OfUplink {
  return { uplink: device, site: hub.site };
}

function wayOf({ via, isByStream = false }: UplinkRecord): Way {
  if (via !== undefined) return 'ssh';
  return isByStream ? 'tls' : 'udp';
}
