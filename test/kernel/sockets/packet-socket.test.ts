import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { arpFilter, dhcpClientFilter } from '../../../plugin/net/sockets/filter.ts';
import { openPacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import type { FrameInfo, PacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import { macToBytes, parseMac } from '../../../plugin/wire/address.ts';
import {
  addParent,
  currentNamespace,
  enterSandbox,
  ip,
  linkNames,
  openDescriptors,
  until,
} from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

const OURS = parseMac('02:00:00:00:00:aa')!;
const OTHER = parseMac('02:00:00:00:00:bb')!;

let sandbox: Sandbox;
let open: PacketSocket[] = [];

beforeEach(() => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
});

afterEach(() => {
  for (const socket of open) socket.close();
  open = [];
  sandbox.dispose();
});

interface Ear {
  readonly socket: PacketSocket;
  readonly frames: Uint8Array[];
  readonly infos: FrameInfo[];
  readonly errors: Error[];
}

function listen(options: Partial<Parameters<typeof openPacketSocket>[0]> = {}): Ear {
  const frames: Uint8Array[] = [];
  const infos: FrameInfo[] = [];
  const errors: Error[] = [];
  const socket = openPacketSocket({
    link: 'eth1',
    netnsPath: undefined,
    filter: dhcpClientFilter(OURS),
    promiscuous: false,
    protocol: 'ipv4',
    onFrame: (frame, info) => {
      frames.push(frame);
      infos.push(info);
    },
    onError: (error) => errors.push(error),
    ...options,
  });
  open.push(socket);
  return { socket, frames, infos, errors };
}

/**
 * A broadcast BOOTP reply with only the fields that filters read. `mark` is its last octet. `tags`:
 * 802.1Q tags, the outermost first.
 */
function reply(mark: number, { chaddr = OURS, tags = [] as number[], port = 68 } = {}): Uint8Array {
  const packet = new Uint8Array(2 + 20 + 8 + 240);
  const view = new DataView(packet.buffer);
  view.setUint16(0, 0x0800);
  view.setUint8(2, 0x45);
  view.setUint16(2 + 2, 268);
  view.setUint8(2 + 8, 64);
  view.setUint8(2 + 9, 17);
  view.setUint16(22, 67);
  view.setUint16(24, port);
  packet.set(macToBytes(chaddr), 30 + 28);
  packet[packet.length - 1] = mark;
  const header = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1];
  const tagBytes = tags.flatMap((tci) => [0x81, 0x00, tci >> 8, tci & 255]);
  return Uint8Array.from([...header, ...tagBytes, ...packet]);
}

const marks = (ear: Ear): (number | undefined)[] => ear.frames.map((frame) => frame.at(-1));

describe('receiving', () => {
  test('brings the whole frame, and only what the filter accepts', async () => {
    const ear = listen();
    const sender = listen({ link: 'port1' }).socket;
    sender.send(reply(1, { chaddr: OTHER }));
    sender.send(reply(2, { port: 67 }));
    sender.send(reply(3));
    await until('the frame arrives', () => ear.frames.length > 0);
    expect(ear.frames).toEqual([reply(3)]);
    expect(ear.infos).toEqual([{ checksumReady: true, vlanId: 0 }]);
  });

  test.each([false, true])(
    'drops and counts frames tagged for a VLAN on the untagged parent; a priority tag is none (promiscuous: %s)',
    async (promiscuous) => {
      const ear = listen({ promiscuous });
      const sender = listen({ link: 'port1' }).socket;
      sender.send(reply(1, { tags: [500] }));
      sender.send(reply(2, { tags: [4094] }));
      sender.send(reply(3, { tags: [0xe000] })); // priority 7, VLAN id 0
      sender.send(reply(4, { tags: [500, 600] })); // the inner tag stays in the frame
      sender.send(reply(5));
      await until('the last frame arrives', () => marks(ear).includes(5));
      expect(marks(ear)).toEqual([3, 5]);
      expect(ear.frames[0]).toEqual(reply(3)); // without the tag
      expect(ear.socket.strayFramesDropped()).toBe(2);
    },
  );

  test('does not hear what its own host sends on the link', async () => {
    const ear = listen();
    ear.socket.send(reply(1));
    listen({ link: 'port1' }).socket.send(reply(2));
    await until('the foreign frame arrives', () => ear.frames.length > 0);
    expect(marks(ear)).toEqual([2]);
  });

  test('says that a UDP checksum is unfinished when a kernel socket sent it over veth', async () => {
    const server = sandbox.addNamespace();
    ip(`link set dev port1 netns ${server.name}`);
    const ear = listen({ filter: dhcpClientFilter(undefined) });
    const socket = server.run(() => {
      ip('addr add 10.9.0.1/24 dev port1');
      ip('link set dev port1 up');
      // bind() makes the descriptor, and does so synchronously if the address needs no lookup.
      return createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
    });
    try {
      await bindInside(server.path, socket);
      socket.setBroadcast(true);
      socket.send(new Uint8Array(240), 68, '10.9.0.255');
      await until('the datagram arrives', () => ear.frames.length > 0);
      expect(ear.infos).toEqual([{ checksumReady: false, vlanId: 0 }]);
    } finally {
      socket.close();
    }
  });

  test('hears unicasts to other MACs only if promiscuous', async () => {
    const toOther = reply(1);
    toOther.set(macToBytes(OTHER), 0);
    const listener = listen({ promiscuous: true });
    const plain = listen();
    listen({ link: 'port1' }).socket.send(toOther);
    listen({ link: 'port1' }).socket.send(reply(2));
    await until('the frames arrive', () => listener.frames.length === 2);
    await until('the second arrives', () => plain.frames.length > 0);
    expect(marks(plain)).toEqual([2]);
    expect(ip('-d link show dev eth1')).toContain('promiscuity 1');
    listener.socket.close();
    expect(ip('-d link show dev eth1')).toContain('promiscuity 0');
  });

  test('takes more than one wake-up can take', async () => {
    const ear = listen({ filter: arpFilter(), protocol: 'arp' });
    const sender = listen({ link: 'port1', protocol: 'arp' }).socket;
    const arp = new Uint8Array(42);
    arp.fill(0xff, 0, 6);
    arp.set([0x08, 0x06], 12);
    let sent = 0;
    for (let round = 0; round < 20; round += 1) {
      for (let index = 0; index < 10; index += 1, sent += 1) sender.send(arp);
      await until('they arrive', () => ear.frames.length === sent);
    }
    expect(ear.frames.length).toBe(200);
  });

  test('a callback may close its socket; nothing is called afterwards', async () => {
    const ear: Ear = listen({
      onFrame: (frame) => {
        ear.frames.push(frame);
        ear.socket.close();
      },
    });
    const other = listen();
    const sender = listen({ link: 'port1' }).socket;
    sender.send(reply(1));
    sender.send(reply(2));
    await until('both arrive elsewhere', () => other.frames.length === 2);
    expect(marks(ear)).toEqual([1]);
    expect(() => ear.socket.send(reply(3))).toThrow(/closed/);
  });
});

describe('the link', () => {
  test('MAC and MTU are those of the link', () => {
    ip('link set dev eth1 mtu 1400');
    const { socket } = listen();
    expect(ip('link show dev eth1')).toContain(`link/ether ${socket.linkMac} `);
    expect(socket.mtu).toBe(1400);
  });

  test('a socket in another namespace is opened there, and this thread is back at once', async () => {
    const container = sandbox.addNamespace();
    ip(`link set dev eth1 netns ${container.name}`);
    container.run(() => ip('link set dev eth1 up'));
    ip('link set dev port1 up');
    const before = currentNamespace();
    const ear = listen({ netnsPath: container.path });
    expect(currentNamespace()).toBe(before);
    const port = listen({ link: 'port1' });
    port.socket.send(reply(1));
    await until('the frame arrives', () => ear.frames.length > 0);
    ear.socket.send(reply(2));
    await until('the answer arrives', () => port.frames.length > 0);
    expect(() => listen({ netnsPath: undefined })).toThrow(/link eth1/);
  });

  test('no such link, and the wrong namespace, are errors that say so', () => {
    const attempt = (options: Parameters<typeof listen>[0]): PluginError => {
      try {
        listen(options);
      } catch (error) {
        if (error instanceof PluginError) return error;
      }
      throw new Error('no PluginError');
    };
    expect(attempt({ link: 'nope0' })).toMatchObject({
      code: 'SOCKET_FAILED',
      evidence: { errno: 'ENODEV', link: 'nope0' },
    });
    expect(attempt({ netnsPath: '/run/netns/nope' })).toMatchObject({
      code: 'SOCKET_FAILED',
      evidence: { reason: 'missing' },
    });
  });

  test('moving the link into a container is reported once, and its descriptor, which stays readable, is closed', async () => {
    const container = sandbox.addNamespace();
    const before = openDescriptors();
    const ear = listen();
    expect(openDescriptors()).toBe(before + 1);
    ip(`link set dev eth1 netns ${container.name}`);
    await until('it is reported', () => ear.errors.length > 0);
    await until('the descriptor is closed', () => openDescriptors() === before);
    expect(ear.errors).toHaveLength(1);
    expect(ear.errors[0]).toMatchObject({ code: 'SOCKET_FAILED', evidence: { errno: 'ENETDOWN' } });
    expect(() => ear.socket.send(reply(1))).toThrow(/closed/);
  });

  test('removing the link is reported', async () => {
    const ear = listen();
    ip('link del dev port1');
    await until('it is reported', () => ear.errors.length > 0);
    expect(ear.errors).toHaveLength(1);
  });

  test('a link that goes down and comes up again keeps its socket working', async () => {
    const ear = listen();
    const sender = listen({ link: 'port1' }).socket;
    ip('link set dev eth1 down');
    expect(() => ear.socket.send(reply(1))).toThrow(/ENETDOWN/);
    await eventsHandled();
    ip('link set dev eth1 up');
    await until('a frame arrives', () => {
      sender.send(reply(2)); // the first may be dropped before the carrier is back
      return ear.frames.length > 0;
    });
    expect(marks(ear)[0]).toBe(2);
    expect(ear.errors).toEqual([]);
  });

  test('one that does not listen is not in the path of frames; it sends, and hears once it is told to', async () => {
    /**
     * Of each socket in this namespace: the protocol and whether it is active (/proc/net/packet).
     */
    const hooks = () =>
      readFileSync('/proc/thread-self/net/packet', 'utf8')
        .split('\n')
        .slice(1, -1)
        .map((line) => line.trim().split(/\s+/).slice(3, 6));
    const ear = listen({ listens: false });
    const index = String(
      (JSON.parse(ip('-j link show dev eth1')) as [{ ifindex: number }])[0].ifindex,
    );
    expect(hooks()).toEqual([['0000', index, '0']]);
    const witness = listen({ link: 'port1', filter: dhcpClientFilter(OTHER) });
    witness.socket.send(reply(1));
    ear.socket.send(reply(2, { chaddr: OTHER }));
    await until('what it sent arrives', () => marks(witness).includes(2));
    ear.socket.listen();
    ear.socket.listen();
    expect(hooks()).toContainEqual(['0003', index, '1']);
    witness.socket.send(reply(3));
    await until('a frame arrives', () => ear.frames.length > 0);
    expect(marks(ear)).toEqual([3]);
    ear.socket.close();
    ear.socket.listen(); // no error, because it has listened before
    const closed = listen({ listens: false }).socket;
    closed.close();
    expect(() => closed.listen()).toThrow('cannot listen on the closed packet socket on link eth1');
  });

  test('one that is told to listen while its link is down hears when it is up', async () => {
    const ear = listen({ listens: false });
    const sender = listen({ link: 'port1' }).socket;
    ip('link set dev eth1 down');
    ear.socket.listen();
    await eventsHandled();
    ip('link set dev eth1 up');
    await until('a frame arrives', () => {
      sender.send(reply(2));
      return ear.frames.length > 0;
    });
    expect(ear.errors).toEqual([]);
  });

  test.each(['listen', 'send'] as const)(
    'a link that was removed while nothing was listened to is found out: %s',
    async (what) => {
      const ear = listen({ listens: false });
      ip('link delete dev eth1');
      expect(() => (what === 'listen' ? ear.socket.listen() : ear.socket.send(reply(1)))).toThrow(
        PluginError,
      );
      await setImmediate();
      expect(ear.errors).toMatchObject([{ code: 'SOCKET_FAILED' }]);
    },
  );

  test('a link removed while down is found out by sending', async () => {
    const ear = listen();
    ip('link set dev eth1 down');
    await eventsHandled();
    ip('link del dev eth1');
    expect(() => ear.socket.send(reply(1))).toThrow(PluginError);
    await until('it is reported', () => ear.errors.length > 0);
    expect(ear.errors).toHaveLength(1);
  });
});

describe('cost', () => {
  test('200 sockets, some in another namespace, opened and closed 3 times leak no descriptor', async () => {
    const container = sandbox.addNamespace();
    ip(`link set dev port1 netns ${container.name}`);
    container.run(() => ip('link set dev port1 up'));
    const before = openDescriptors();
    const round = async (): Promise<void> => {
      const sockets = Array.from({ length: 200 }, (_, index) =>
        index % 2 === 0 ? listen() : listen({ link: 'port1', netnsPath: container.path }),
      );
      for (const { socket } of sockets) socket.close();
      for (const { socket } of sockets) socket.close();
      await until('all are closed', () => openDescriptors() === before);
    };
    for (let count = 0; count < 3; count += 1) await round();
  });

  test('closing takes none of our time, the kernel lets go of a dead namespace all the same', async () => {
    const container = sandbox.addNamespace();
    ip(`link set dev port1 netns ${container.name}`);
    container.run(() => ip('link set dev port1 up'));
    const open = Array.from({ length: 5 }, () =>
      listen({ link: 'port1', netnsPath: container.path }),
    );
    container.delete();
    await eventsHandled();
    expect(linkNames()).toContain('eth1'); // its peer is still in there
    // Each close would block this thread for 10 ms. A busy machine may stop us once, but not five
    // times.
    const took = open.map(({ socket }) => {
      const startedAt = performance.now();
      socket.close();
      return performance.now() - startedAt;
    });
    expect(Math.min(...took)).toBeLessThan(5);
    await until('both are gone', () => !linkNames().includes('eth1'));
  });

  test('a failed open leaves no descriptor', () => {
    expect(() => listen({ link: 'nope0' })).toThrow();
    const before = openDescriptors();
    for (let count = 0; count < 20; count += 1) {
      expect(() => listen({ link: 'nope0' })).toThrow();
      expect(() => listen({ netnsPath: '/etc/hostname' })).toThrow(/without a network namespace/);
    }
    expect(openDescriptors()).toBe(before);
  });
});

/**
 * Waits until all events that the kernel has reported are handled. There is one poll between two
 * immediates.
 */
async function eventsHandled(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

/** Binds the socket while this thread is in the namespace. Node makes its descriptor in bind(). */
async function bindInside(path: string, socket: ReturnType<typeof createSocket>): Promise<void> {
  const { inNetns } = await import('../../../plugin/net/sandbox/netns.ts');
  const listening = new Promise((resolve) => socket.once('listening', resolve));
  inNetns(path, () => socket.bind(67, '10.9.0.1'));
  await listening;
}
