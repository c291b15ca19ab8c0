/**
 * Packet sockets without a kernel. Frames sent on any of them are decoded, kept, and given to a
 * DHCP server that a test scripts. Its answers arrive as frames on the socket that asked.
 */
import { encodeArpFrame } from '../../../plugin/acd/frame.ts';
import { decodeFrame, encodeFrame } from '../../../plugin/dhcp4/frame.ts';
import type { Dhcp4Message } from '../../../plugin/dhcp4/message.ts';
import { messageTypeOf } from '../../../plugin/dhcp4/options.ts';
import { decodeEthernet, ETHERTYPE_IPV4 } from '../../../plugin/wire/ethernet.ts';
import type {
  FrameSocket,
  OpenSocket,
  SocketPlace,
} from '../../../plugin/leasing/sockets/frame-socket.ts';
import type { OpenArpSocket } from '../../../plugin/leasing/segment/conflict-watch.ts';
import { IPV4_ANY, MAC_BROADCAST, type Ipv4, type Mac } from '../../../plugin/wire/address.ts';
import type { ArpPacket } from '../../../plugin/wire/arp.ts';
import { SERVER, SERVER_MAC } from '../frames/messages.ts';

export interface SentMessage {
  readonly type: string;
  readonly message: Dhcp4Message;
  readonly place: SocketPlace;
  readonly destinationMac: Mac;
}

export interface MemorySocket extends FrameSocket {
  readonly place: SocketPlace;
  readonly mac: Mac;
  readonly isOpen: boolean;
  readonly isListening: boolean;
  /** Delivers a frame as if it came from the network. */
  receive(frame: Uint8Array, checksumReady?: boolean): void;
  /** What the kernel says when the link goes away. */
  fail(error: Error): void;
}

/** Hears what other hosts say about one address. */
export interface MemoryArpSocket {
  readonly place: SocketPlace;
  /** Undefined: about any address. */
  readonly address: Ipv4 | undefined;
  readonly probes: boolean;
  receive(packet: ArpPacket): void;
  fail(error: Error): void;
}

/** Answers to one message of a client. An empty list means no answer. */
export type Server = (sent: SentMessage) => readonly Dhcp4Message[];

export class MemoryWire {
  readonly sent: SentMessage[] = [];
  /** Frames that are not IPv4: announcements of addresses. */
  readonly sentArp: { readonly frame: Uint8Array; readonly place: SocketPlace }[] = [];
  readonly sockets: MemorySocket[] = [];
  server: Server = () => [];
  /** Returns what opening fails with, or undefined. */
  openProblem: (place: SocketPlace) => Error | undefined = () => undefined;
  /** Of every link. */
  index = 7;
  /** What every send fails with. */
  sendProblem: Error | undefined;

  readonly open: OpenSocket = (place, mac, handlers) => {
    const problem = this.openProblem(place);
    if (problem !== undefined) throw problem;
    let [isOpen, isListening] = [true, false];
    let lost: Error | undefined;
    /** As with a packet socket: a socket that does not listen gets nothing. */
    const findOut = () => {
      if (lost === undefined) return;
      if (isOpen) handlers.onError(lost);
      throw lost;
    };
    const socket: MemorySocket = {
      place,
      mac,
      index: this.index,
      get isOpen() {
        return isOpen;
      },
      get isListening() {
        return isListening;
      },
      listen: () => {
        findOut();
        isListening = true;
      },
      send: (frame) => {
        findOut();
        this.#send(socket, frame);
      },
      sendFromLink: (frame) => {
        findOut();
        this.#send(socket, frame);
      },
      close: () => void (isOpen = false),
      receive: (frame, checksumReady = true) => {
        if (isOpen && isListening) handlers.onFrame(frame, { checksumReady });
      },
      fail: (error) => {
        lost = error;
        if (isOpen && isListening) handlers.onError(error);
      },
    };
    this.sockets.push(socket);
    return socket;
  };

  /** What listens for conflicts about one address. */
  readonly arpSockets: MemoryArpSocket[] = [];
  arpProblem: Error | undefined;

  readonly openArp: OpenArpSocket = (place, { mac, address, probes = true }, handlers) => {
    if (this.arpProblem !== undefined) throw this.arpProblem;
    const socket: MemoryArpSocket = {
      place,
      address,
      probes,
      receive: (packet) => {
        const isOpen = this.arpSockets.includes(socket);
        const isSought = probes || packet.senderAddress !== IPV4_ANY;
        if (isOpen && isSought && packet.senderMac !== mac)
          handlers.onFrame(encodeArpFrame(packet));
      },
      fail: (error) => handlers.onError(error),
    };
    this.arpSockets.push(socket);
    return { close: () => void this.arpSockets.splice(this.arpSockets.indexOf(socket) >>> 0, 1) };
  };

  /** Another host says that it has the address. All sockets that listen get it. */
  claim(address: Ipv4, senderMac: Mac): void {
    for (const socket of [...this.arpSockets]) {
      if (socket.address !== undefined && socket.address !== address) continue;
      const targetMac = senderMac;
      const packet = { operation: 'reply', senderMac, senderAddress: address, targetMac } as const;
      socket.receive({ ...packet, targetAddress: address });
    }
  }

  /** Where each client speaks from: its socket is open, or was closed in a sandbox to rest. */
  get places(): SocketPlace[] {
    const last = new Map(this.sockets.map((socket) => [socket.mac, socket]));
    return [...last.values()]
      .filter(({ isOpen, place }) => isOpen || place.netnsPath !== undefined)
      .map(({ place }) => place);
  }

  get openSockets(): MemorySocket[] {
    return this.sockets.filter(({ isOpen }) => isOpen);
  }

  /** The types of what was sent, in order. */
  get sentTypes(): string[] {
    return this.sent.map(({ type }) => type);
  }

  #send(socket: MemorySocket, frame: Uint8Array): void {
    if (!socket.isOpen) throw new Error('send on a closed socket');
    if (this.sendProblem !== undefined) throw this.sendProblem;
    if (decodeEthernet(frame).etherType !== ETHERTYPE_IPV4) {
      this.sentArp.push({ frame, place: socket.place });
      return;
    }
    const { message, destinationMac } = decodeFrame(frame, { checksumReady: true, port: 67 });
    const type = messageTypeOf(message.options) ?? 'none';
    const sent = { type, message, place: socket.place, destinationMac };
    this.sent.push(sent);
    for (const answer of this.server(sent)) {
      queueMicrotask(() => socket.receive(replyFrame(answer)));
    }
  }
}

/** A server's message as a frame to the client it is for. */
export function replyFrame(message: Dhcp4Message): Uint8Array {
  return encodeFrame({
    sourceMac: SERVER_MAC,
    destinationMac: message.chaddr === MAC_BROADCAST ? MAC_BROADCAST : message.chaddr,
    sourceAddress: SERVER,
    destinationAddress: message.yiaddr,
    message,
  });
}
