/**
 * Reads one file safely. Somebody may have replaced a record by a FIFO, a device, a folder or 60
 * MB. The file is opened without a wait and examined before it is read. It is never read beyond the
 * size of a record.
 */
import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import type { WallTime } from '../../vocabulary/time.ts';

/** A hundred times the size of a record with thousands of routes. */
const LARGEST_BYTES = 1024 * 1024;

/** The file cannot be a record. Its content was not read. */
export class NotARecordError extends Error {
  override readonly name = 'NotARecordError';
}

/**
 * Waits for the disk. A start reads thousands of files, and a thread of the pool costs more than
 * ten times the processor time of the read itself.
 * @throws NotARecordError; errors of the disk, such as EIO, EACCES or EMFILE.
 */
export function readRecordFile(path: string): {
  readonly text: string;
  readonly writtenAt: WallTime;
} {
  // Examines the file before opening it, because opening a device can start something.
  if (!examined(path).isFile()) throw new NotARecordError('it is no regular file');
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { size, mtimeMs } = fstatSync(file);
    if (size > LARGEST_BYTES) {
      throw new NotARecordError(
        `it is ${size} bytes long, and no record is beyond ${LARGEST_BYTES}`,
      );
    }
    const bytes = Buffer.alloc(size);
    const bytesRead = readSync(file, bytes, 0, size, 0);
    return { text: bytes.toString('utf8', 0, bytesRead), writtenAt: Math.round(mtimeMs) };
  } finally {
    closeSync(file);
  }
}

function examined(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    const isLoop = (error as NodeJS.ErrnoException).code === 'ELOOP';
    throw isLoop ? new NotARecordError('it is a link to itself') : error;
  }
}
