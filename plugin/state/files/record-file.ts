/**
 * One file that somebody may have put in place of a record: a FIFO, a device, a folder, 60 MB. It is opened without a
 * wait, looked at before it is read, and never read beyond what a record can be.
 */
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { WallTime } from '../../vocabulary/time.ts';

/** A hundred times what a record with thousands of routes takes. */
const LARGEST_BYTES = 1024 * 1024;

/** What lies there can be no record; what is on the disk was not even read. */
export class NotARecordError extends Error {
  override readonly name = 'NotARecordError';
}

/** @throws NotARecordError; what the disk says, such as EIO, EACCES or EMFILE. */
export async function readRecordFile(
  path: string,
): Promise<{ readonly text: string; readonly writtenAt: WallTime }> {
  // Before it is opened: to open a device can set something off.
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ELOOP' ? new NotARecordError('it is a link to itself') : error;
  });
  if (!found.isFile()) throw new NotARecordError('it is no regular file');
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { size, mtimeMs } = await file.stat();
    if (size > LARGEST_BYTES) {
      throw new NotARecordError(
        `it is ${size} bytes long, and no record is beyond ${LARGEST_BYTES}`,
      );
    }
    const bytes = Buffer.alloc(size);
    const { bytesRead } = await file.read(bytes, 0, size, 0);
    return { text: bytes.toString('utf8', 0, bytesRead), writtenAt: Math.round(mtimeMs) };
  } finally {
    await file.close();
  }
}
