/** Reads how much space the file system of a folder has. */
import { accessSync, constants, statfsSync } from 'node:fs';

export interface DiskSpace {
  /** In bytes. */
  readonly free: number;
  readonly size: number;
  /** How many files can still be made. Undefined if the file system has no limit. */
  readonly freeFiles: number | undefined;
  readonly isWritable: boolean;
}

/** Undefined if the folder cannot be read. */
export function diskSpace(folder: string): DiskSpace | undefined {
  try {
    const { bavail, blocks, bsize, files, ffree } = statfsSync(folder);
    const freeFiles = files === 0 ? undefined : ffree;
    return {
      free: bavail * bsize,
      size: blocks * bsize,
      freeFiles,
      isWritable: isWritable(folder),
    };
  } catch {
    return undefined;
  }
}

/** False on a file system that was mounted read-only, or became so after an error. */
function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
