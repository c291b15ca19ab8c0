/** A capture file for tcpdump and Wireshark: libpcap format 2.4, Ethernet, microseconds. */

const MAGIC = 0xa1b2c3d4;
const LINKTYPE_ETHERNET = 1;
/** No frame is longer. */
const SNAPLEN = 262_144;

export function pcapHeader(): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(SNAPLEN, 16);
  header.writeUInt32LE(LINKTYPE_ETHERNET, 20);
  return header;
}

/** @param at ISO time. */
export function pcapRecord(at: string, frame: Uint8Array): Buffer {
  const ms = Date.parse(at);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(Math.floor(ms / 1000), 0);
  header.writeUInt32LE((ms % 1000) * 1000, 4);
  header.writeUInt32LE(frame.length, 8);
  header.writeUInt32LE(frame.length, 12);
  return Buffer.concat([header, frame]);
}
