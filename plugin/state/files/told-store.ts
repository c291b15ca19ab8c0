/** A store that tells of each record that it could not write or remove. Metrics count them. */
import type { Emit } from '../../events/events.ts';
import type { RecordStore } from '../stored-records.ts';

/** @returns the same store. Its errors still reach the caller. */
export function toldStore(store: RecordStore, emit: Emit): RecordStore {
  return {
    save: (kind, record) =>
      store.save(kind, record).catch((error: unknown) => {
        emit({ type: 'store.failed', what: 'save', kind });
        throw error;
      }),
    delete: (kind, id) =>
      store.delete(kind, id).catch((error: unknown) => {
        emit({ type: 'store.failed', what: 'delete', kind });
        throw error;
      }),
  };
}
