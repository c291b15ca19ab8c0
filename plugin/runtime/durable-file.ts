/**
 * Files that survive a crash (D7): a file is written aside, synced and renamed. So it is either
 * complete or missing, and only root can read it.
 */
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, PluginError } from '../vocabulary/errors.ts';

/** If a FIFO has the place of a file to write, this is an error. The process does not wait. */
const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants;
const WRITE = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK;

/**
 * Adds or replaces the file, with mode 0600. Writes to one path must take turns.
 * @throws PluginError STATE_UNWRITABLE. The earlier file is then still there.
 */
export async function writeFile(path: string, text: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const file = await open(temporary, WRITE, 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // the first error is reported
    throw unwritable(path, error);
  }
}

/** Removes the file. A missing file is no error. @throws PluginError STATE_UNWRITABLE. */
export async function removeFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
    await syncFolder(dirname(path)); // else a power cut could bring it back
  } catch (error) {
    throw unwritable(path, error);
  }
}

export function unwritable(path: string, cause: unknown): PluginError {
  const { code } = cause as NodeJS.ErrnoException;
  const remedy =
    code === 'EMFILE' || code === 'ENFILE'
      ? "raise the limit of open files (LimitNOFILE=) of the service, or of Docker's"
      : 'free space or mend permissions there';
  const reason = messageOf(cause);
  return new PluginError(
    'STATE_UNWRITABLE',
    `state cannot be written to ${path}: ${reason}; ${remedy}`,
    { cause },
  );
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
