/**
 * Takes one frame from an AF_PACKET socket, with what the kernel says about it (recvmsg, auxdata).
 *
 * One receive area serves all sockets. A call is synchronous and copies the frame out of the area.
 *
 *   struct msghdr   0 name*  8 namelen  16 iov*  24 iovlen  32 control*  40 controllen  48 flags
 *   struct cmsghdr  0 len  8 level  12 type  16 data
 *   struct tpacket_auxdata  0 status  4 len  8 snaplen  12 mac  14 net  16 vlan_tci  18 vlan_tpid
 *   struct sockaddr_ll  0 family  2 protocol  4 ifindex  8 hatype  10 pkttype  11 halen  12 addr
 */
import { addressOf, fixedBytes, receiveMessage } from '../libc.ts';

export interface ReceivedFrame {
  readonly frame: Uint8Array;
  readonly checksumReady: boolean;
  /** 0 if the frame is untagged, or if its tag has only a priority. */
  readonly vlanId: number;
  /** True if this host has sent the frame. */
  readonly isOutgoing: boolean;
  /**
   * True if the kernel takes the frame as one for another host: for another MAC, or for a VLAN that
   * this link is not.
   */
  readonly isForOthers: boolean;
}

const SOL_PACKET = 263;
const PACKET_AUXDATA = 8;
const PACKET_OTHERHOST = 3;
const PACKET_OUTGOING = 4;
const TP_STATUS_CSUMNOTREADY = 1 << 3;
const TP_STATUS_VLAN_VALID = 1 << 4;
const VLAN_ID_BITS = 0x0fff;
const MSG_DONTWAIT = 0x40;

const NAME_LENGTH = 20;
const CONTROL_LENGTH = 64;
const CONTROL_HEADER_LENGTH = 16;

const MESSAGE_LENGTH = 56;
const VECTOR_LENGTH = 16;
/** Larger than any frame. */
const DATA_LENGTH = 65_536;

/**
 * One piece of memory for all parts. The kernel follows the addresses inside. The garbage collector
 * does not know them. It could free a separate part while the kernel uses it.
 */
const area = fixedBytes(MESSAGE_LENGTH + VECTOR_LENGTH + 24 + CONTROL_LENGTH + DATA_LENGTH);
const message = area.subarray(0, MESSAGE_LENGTH);
const vectorAt = MESSAGE_LENGTH;
const nameAt = vectorAt + VECTOR_LENGTH;
const controlAt = nameAt + 24; // NAME_LENGTH, aligned
const dataAt = controlAt + CONTROL_LENGTH;
const messageView = new DataView(area.buffer, 0, MESSAGE_LENGTH);
const nameView = new DataView(area.buffer, nameAt, NAME_LENGTH);
const controlView = new DataView(area.buffer, controlAt, CONTROL_LENGTH);

const base = addressOf(area);
const at = (offset: number): bigint => base + BigInt(offset);
const vectorView = new DataView(area.buffer, vectorAt, VECTOR_LENGTH);
vectorView.setBigUint64(0, at(dataAt), true);
vectorView.setBigUint64(8, BigInt(DATA_LENGTH), true);
messageView.setBigUint64(0, at(nameAt), true);
messageView.setBigUint64(16, at(vectorAt), true);
messageView.setBigUint64(24, 1n, true);
messageView.setBigUint64(32, at(controlAt), true);

/** Returns undefined if nothing is waiting. @throws SystemCallError */
export function receiveFrame(fd: number): ReceivedFrame | undefined {
  // The kernel overwrites both lengths with the number of bytes that it used.
  messageView.setUint32(8, NAME_LENGTH, true);
  messageView.setBigUint64(40, BigInt(CONTROL_LENGTH), true);
  const length = receiveMessage(fd, message, MSG_DONTWAIT);
  if (length === undefined) return undefined;
  const auxdataAt = findAuxdata();
  const status = auxdataAt === undefined ? 0 : controlView.getUint32(auxdataAt, true);
  const isTagged = auxdataAt !== undefined && (status & TP_STATUS_VLAN_VALID) !== 0;
  const packetType = nameView.getUint8(10);
  return {
    frame: area.slice(dataAt, dataAt + length),
    checksumReady: (status & TP_STATUS_CSUMNOTREADY) === 0,
    vlanId: isTagged ? controlView.getUint16(auxdataAt + 16, true) & VLAN_ID_BITS : 0,
    isOutgoing: packetType === PACKET_OUTGOING,
    isForOthers: packetType === PACKET_OTHERHOST,
  };
}

function findAuxdata(): number | undefined {
  const end = Number(messageView.getBigUint64(40, true));
  let offset = 0;
  while (offset + CONTROL_HEADER_LENGTH <= end) {
    const length = Number(controlView.getBigUint64(offset, true));
    const isAuxdata =
      controlView.getInt32(offset + 8, true) === SOL_PACKET &&
      controlView.getInt32(offset + 12, true) === PACKET_AUXDATA;
    if (isAuxdata) return offset + CONTROL_HEADER_LENGTH;
    if (length < CONTROL_HEADER_LENGTH) return undefined;
    offset += (length + 7) & ~7;
  }
  return undefined;
}
