/** Messages that look like those of WireGuard: their first bytes and their length are right. */

export const initiation = (mark = 0): Buffer => message(1, 148, mark);
export const response = (mark = 0): Buffer => message(2, 92, mark);
export const cookie = (): Buffer => message(3, 64, 0);
export const data = (length = 128, mark = 0): Buffer => message(4, length, mark);

function message(type: number, length: number, mark: number): Buffer {
  const bytes = Buffer.alloc(length, mark);
  bytes.writeUInt32LE(type, 0);
  return bytes;
}
