/** Reads how much space the file system of a folder has. */
import { statfsSync } from 'node:fs';

/** In bytes. Undefined if the folder cannot be read. */
export function diskSpace(folder: string): { free: number; size: number } | undefined {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder);
    return { free: bavail * bsize, size: blocks * bsize };
  } catch {
    return undefined;
  }
}
