/**
 * What may pass by a stream: messages of WireGuard, told by their first bytes and their length. The
 * streams carry nothing else, so that the port of a hub is no way to anything but WireGuard.
 */

export type MessageType = 'initiation' | 'response' | 'cookie' | 'data';

/** A packet of 1420 bytes has 1452 in a message. Nothing longer is ever kept in memory. */
export const LONGEST_MESSAGE = 2_048;

/** Header, counter and the tag of an empty packet. */
const SHORTEST_DATA = 32;

/** Undefined if it is no message of WireGuard. */
export function messageTypeOf(datagram: Uint8Array): MessageType | undefined {
  const { length } = datagram;
  // The type is one byte. The three after it are reserved, and zero.
  if (length < 4 || datagram[1] !== 0 || datagram[2] !== 0 || datagram[3] !== 0) return undefined;
  const [type] = datagram;
  if (type === 1 && length === 148) return 'initiation';
  if (type === 2 && length === 92) return 'response';
  if (type === 3 && length === 64) return 'cookie';
  if (type === 4 && length >= SHORTEST_DATA && length <= LONGEST_MESSAGE) return 'data';
  return undefined;
}
