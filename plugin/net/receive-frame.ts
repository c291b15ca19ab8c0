/**
 * Takes one frame from an AF_PACKET socket, with what the kernel says about it (recvmsg, auxdata).
 *
 * One receive area serves all sockets: a call is synchronous and the frame is copied out of it.
 *
 *   struct msghdr         0 name*  8 namelen  16 iov*  24 iovlen  32 control*  40 controllen  48 flags
 *   struct cmsghdr        0 len    8 level    12 type  16 data
 *   struct tpacket_auxdata  0 status  4 len  8 snaplen  12 mac  14 net  16 vlan_tci  18 vlan_tpid
 *   struct sockaddr_ll    0 family 2 protocol 4 ifindex 8 hatype 10 pkttype 11 halen 12 addr
 */
import { addressOf, fixedBytes, receiveMessage } from './libc.ts';

export interface ReceivedFrame {
  readonly frame: Uint8Array;
  readonly checksumReady: boolean;
  /** 0: untagged, or tagged only with a priority. */
  readonly vlanId: number;
  /** Sent by this host, not received. */
  readonly isOutgoing: boolean;
}

const SOL_PACKET = 263;
const PACKET_AUXDATA = 8;
const PACKET_OUTGOING = 4;
const TP_STATUS_CSUMNOTREADY = 1 << 3;
const TP_STATUS_VLAN_VALID = 1 << 4;
const VLAN_ID_BITS = 0x0fff;
const MSG_DONTWAIT = 0x40;

const NAME_LENGTH = 20;
const CONTROL_LENGTH = 64;
const CONTROL_HEADER_LENGTH = 16;

/** Larger than any frame a link can carry. */
const data = fixedBytes(65_536);
const name = fixedBytes(NAME_LENGTH);
const control = fixedBytes(CONTROL_LENGTH);
const vector = fixedBytes(16);
const message = fixedBytes(56);
const nameView = new DataView(name.buffer);
const controlView = new DataView(control.buffer);
const messageView = new DataView(message.buffer);

const vectorView = new DataView(vector.buffer);
vectorView.setBigUint64(0, addressOf(data), true);
vectorView.setBigUint64(8, BigInt(data.length), true);
messageView.setBigUint64(0, addressOf(name), true);
messageView.setBigUint64(16, addressOf(vector), true);
messageView.setBigUint64(24, 1n, true);
messageView.setBigUint64(32, addressOf(control), true);

/** Undefined when nothing is waiting. @throws SystemCallError */
export function receiveFrame(fd: number): ReceivedFrame | undefined {
  // The kernel writes back how much it used of each.
  messageView.setUint32(8, NAME_LENGTH, true);
  messageView.setBigUint64(40, BigInt(CONTROL_LENGTH), true);
  const length = receiveMessage(fd, message, MSG_DONTWAIT);
  if (length === undefined) return undefined;
  const auxdataAt = findAuxdata();
  const status = auxdataAt === undefined ? 0 : controlView.getUint32(auxdataAt, true);
  const isTagged = auxdataAt !== undefined && (status & TP_STATUS_VLAN_VALID) !== 0;
  return {
    frame: data.slice(0, length),
    checksumReady: (status & TP_STATUS_CSUMNOTREADY) === 0,
    vlanId: isTagged ? controlView.getUint16(auxdataAt + 16, true) & VLAN_ID_BITS : 0,
    isOutgoing: nameView.getUint8(10) === PACKET_OUTGOING,
  };
}

function findAuxdata(): number | undefined {
  const end = Number(messageView.getBigUint64(40, true));
  let at = 0;
  while (at + CONTROL_HEADER_LENGTH <= end) {
    const length = Number(controlView.getBigUint64(at, true));
    const isAuxdata =
      controlView.getInt32(at + 8, true) === SOL_PACKET &&
      controlView.getInt32(at + 12, true) === PACKET_AUXDATA;
    if (isAuxdata) return at + CONTROL_HEADER_LENGTH;
    if (length < CONTROL_HEADER_LENGTH) return undefined;
    at += (length + 7) & ~7;
  }
  return undefined;
}
