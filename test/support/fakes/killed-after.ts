/** A plugin that is killed right after one of its writes. */
import type { DriverRig } from './driver-rig.ts';

/**
 * Stops at the end of a write. The rest of the work never happens.
 * @returns whether the work got to that write.
 */
export async function killedAfter(
  rig: DriverRig,
  write: number,
  work: () => Promise<unknown>,
): Promise<boolean> {
  let writes = 0;
  let isKilled = false;
  let killed = () => {};
  const death = new Promise<void>((resolve) => (killed = resolve));
  const after = async (done: Promise<void>): Promise<void> => {
    if (isKilled) return new Promise(() => {});
    await done;
    writes += 1;
    if (writes !== write) return;
    isKilled = true;
    killed();
    await new Promise(() => {});
  };
  const [save, remove] = [rig.store.save.bind(rig.store), rig.store.delete.bind(rig.store)];
  rig.store.save = (...words) => after(save(...words));
  rig.store.delete = (...words) => after(remove(...words));
  await Promise.race([death, work()]);
  rig.store.save = save;
  rig.store.delete = remove;
  return isKilled;
}
