/**
 * Reads one file safely. Somebody may have replaced a record by a FIFO, a device, a folder or 60
 * MB. The file is opened without a wait and examined before it is read. It is never read beyond the
 * size of a record.
 */
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { WallTime } from '../../vocabulary/time.ts';

/** A hundred times the size of a record with thousands of routes. */
const LARGEST_BYTES = 1024 * 1024;

/** The file cannot be a record. Its content was not read. */
export class NotARecordError extends Error {
  override readonly name = 'NotARecordError';
}

/** @throws NotARecordError; errors of the disk, such as EIO, EACCES or EMFILE. */
export async function readRecordFile(
  path: string,
): Promise<{ readonly text: string; readonly writtenAt: WallTime }> {
  // Examines the file before opening it, because opening a device can start something.
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
