/** A socket for DHCP on all VLANs of a trunk. It needs no link for a VLAN, and makes none. */
import type { Mac } from '../wire/address.ts';
import type { BpfInstruction } from './bpf-assembler.ts';
import { BPF, dhcpClientFilter } from './sockets/filter.ts';
import { openPacketSocket, type FrameInfo, type PacketSocket } from './sockets/packet-socket.ts';

export interface TrunkSocket {
  /** The MAC of the parent. */
  readonly mac: Mac;
  /** @param vlan 0 for a frame without a tag. @throws PluginError SOCKET_FAILED. */
  send(frame: Uint8Array, vlan: number): void;
  close(): void;
}

const MACS_LENGTH = 12;
const TPID_8021Q = [0x81, 0x00];
/** Answers of a few hundred VLANs may come at once. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/** ARP storms exist. After this many frames ARP is not listened to any more. */
const MOST_ARP_FRAMES = 2_000;
const ETHERTYPE_AT = 12;
const ETHERTYPE_ARP = 0x0806;
const ARP_FRAME_BYTES = 60;

interface TrunkHandlers {
  onFrame(frame: Uint8Array, info: FrameInfo): void;
  /** Called with the VLAN of each ARP frame that comes in. If undefined, ARP is not listened to. */
  readonly onTag?: ((vlan: number) => void) | undefined;
  onError(error: Error): void;
}

/** @throws PluginError SOCKET_FAILED if there is no such link. */
export function openTrunkSocket(parent: string, handlers: TrunkHandlers): TrunkSocket {
  const { onTag } = handlers;
  const filter = dhcpClientFilter(undefined);
  let arpFrames = 0;
  const socket: PacketSocket = openPacketSocket({
    link: parent,
    netnsPath: undefined,
    // The card then passes on the VLANs for which the host has no link.
    promiscuous: true,
    allVlans: true,
    filter: onTag === undefined ? filter : orArp(filter),
    protocol: 'ipv4',
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    onFrame: (frame, info) => {
      if (onTag === undefined || !isArp(frame)) return handlers.onFrame(frame, info);
      arpFrames += 1;
      if (arpFrames === MOST_ARP_FRAMES) socket.setFilter(filter);
      onTag(info.vlanId);
    },
    onError: (error) => handlers.onError(error),
  });
  return {
    mac: socket.linkMac,
    send: (frame, vlan) => socket.send(vlan === 0 ? frame : tagged(frame, vlan)),
    close: () => socket.close(),
  };
}

/** Jumps in a filter are relative, so it may follow other instructions. */
function orArp(filter: readonly BpfInstruction[]): readonly BpfInstruction[] {
  return [
    { code: BPF.LD_HALF_ABS, jt: 0, jf: 0, k: ETHERTYPE_AT },
    { code: BPF.JUMP_EQUAL, jt: 0, jf: 1, k: ETHERTYPE_ARP },
    { code: BPF.RETURN, jt: 0, jf: 0, k: ARP_FRAME_BYTES },
    ...filter,
  ];
}

function isArp(frame: Uint8Array): boolean {
  return (((frame[ETHERTYPE_AT] ?? 0) << 8) | (frame[ETHERTYPE_AT + 1] ?? 0)) === ETHERTYPE_ARP;
}

function tagged(frame: Uint8Array, vlan: number): Uint8Array {
  return Uint8Array.from([
    ...frame.subarray(0, MACS_LENGTH),
    ...TPID_8021Q,
    vlan >> 8,
    vlan & 0xff,
    ...frame.subarray(MACS_LENGTH),
  ]);
}
