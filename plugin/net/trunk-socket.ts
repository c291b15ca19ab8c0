/** A socket for DHCP on all VLANs of a trunk. It needs no link for a VLAN, and makes none. */
import type { Mac } from '../wire/address.ts';
import { dhcpClientFilter } from './sockets/filter.ts';
import { openPacketSocket, type FrameInfo } from './sockets/packet-socket.ts';

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

/** @throws PluginError SOCKET_FAILED if there is no such link. */
export function openTrunkSocket(
  parent: string,
  handlers: { onFrame(frame: Uint8Array, info: FrameInfo): void; onError(error: Error): void },
): TrunkSocket {
  const socket = openPacketSocket({
    link: parent,
    netnsPath: undefined,
    // The card then passes on the VLANs for which the host has no link.
    promiscuous: true,
    allVlans: true,
    filter: dhcpClientFilter(undefined),
    protocol: 'ipv4',
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    onFrame: (frame, info) => handlers.onFrame(frame, info),
    onError: (error) => handlers.onError(error),
  });
  return {
    mac: socket.linkMac,
    send: (frame, vlan) => socket.send(vlan === 0 ? frame : tagged(frame, vlan)),
    close: () => socket.close(),
  };
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
