import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { arpFilter } from '../../../plugin/net/sockets/filter.ts';
import { openLeaseSocket } from '../../../plugin/net/sockets/lease-socket.ts';
import { openPacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import { macToBytes, parseMac, type Mac } from '../../../plugin/wire/address.ts';
import { addParent, enterSandbox, ip, openDescriptors, until } from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

const OURS = parseMac('02:00:00:00:00:aa')!;
const OTHER = parseMac('02:00:00:00:00:bb')!;
const BROADCAST = parseMac('ff:ff:ff:ff:ff:ff')!;

let sandbox: Sandbox;
let toClose: { close(): void }[] = [];

beforeEach(() => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
  ip('link add link eth1 name eth1.500 type vlan id 500');
  ip('link set dev eth1.500 up');
});

afterEach(() => {
  for (const socket of toClose) socket.close();
  toClose = [];
  sandbox.dispose();
});

interface Ear {
  send(frame: Uint8Array): void;
  close(): void;
  /** The last octet of each frame. */
  readonly marks: (number | undefined)[];
  readonly frames: Uint8Array[];
  readonly errors: Error[];
}

/** A client. `then` runs after each frame. */
function listen(
  mac: Mac = OURS,
  { link = 'eth1.500', shared = true, then = (): void => undefined } = {},
): Ear {
  const marks: (number | undefined)[] = [];
  const frames: Uint8Array[] = [];
  const errors: Error[] = [];
  const socket = openLeaseSocket({ link, shared }, mac, {
    onFrame(frame) {
      marks.push(frame.at(-1));
      frames.push(frame);
      then();
    },
    onError: (error) => errors.push(error),
  });
  toClose.push(socket);
  return {
    send: (frame) => {
      socket.send(frame);
    },
    close: () => {
      socket.close();
    },
    marks,
    frames,
    errors,
  };
}

/** A BOOTP reply with only the fields that filters read. `options`: octets of IP options. */
function reply(
  mark: number,
  {
    chaddr = OURS,
    to = BROADCAST,
    tags = [500],
    options = 0,
  }: { chaddr?: Mac; to?: Mac; tags?: readonly number[]; options?: number } = {},
): Uint8Array {
  const udpAt = 2 + 20 + options;
  const packet = new Uint8Array(udpAt + 8 + 240);
  const view = new DataView(packet.buffer);
  view.setUint16(0, 0x0800);
  view.setUint8(2, 0x45 + options / 4);
  view.setUint16(2 + 2, packet.length - 2);
  view.setUint8(2 + 8, 64);
  view.setUint8(2 + 9, 17);
  view.setUint16(udpAt, 67);
  view.setUint16(udpAt + 2, 68);
  packet.set(macToBytes(chaddr), udpAt + 8 + 28);
  packet[packet.length - 1] = mark;
  const tagBytes = tags.flatMap((tci) => [0x81, 0x00, tci >> 8, tci & 255]);
  return Uint8Array.from([...macToBytes(to), 2, 0, 0, 0, 0, 1, ...tagBytes, ...packet]);
}

/** The switch. What it sends arrives at eth1. */
function switchPort(): { send(frame: Uint8Array): void } {
  const port = openPacketSocket({
    link: 'port1',
    netnsPath: undefined,
    filter: arpFilter(),
    promiscuous: false,
    protocol: 'arp',
    onFrame: () => undefined,
    onError: () => undefined,
  });
  toClose.push(port);
  return port;
}

/**
 * Waits until all events that the kernel has reported are handled. There is one poll between two
 * immediates.
 */
async function eventsHandled(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

const promiscuity = (link = 'eth1.500'): string | undefined =>
  /promiscuity \d+/.exec(ip(`-d link show dev ${link}`))?.[0];

describe('one socket for a link', () => {
  test('serves every client with the frames for its MAC, and costs one descriptor', async () => {
    const before = openDescriptors();
    const macs = Array.from({ length: 200 }, (_, index) =>
      parseMac(`02:00:00:00:01:${index.toString(16).padStart(2, '0')}`),
    );
    const ears = macs.map((mac) => listen(mac));
    expect(openDescriptors()).toBe(before + 1);
    expect(promiscuity()).toBe('promiscuity 1');
    const port = switchPort();
    macs.forEach((chaddr, index) => {
      port.send(reply(index, { chaddr: chaddr! }));
    });
    port.send(reply(7, { chaddr: OTHER })); // a MAC of nobody
    await until('the last arrives', () => ears.at(-1)!.marks.length > 0);
    expect(ears.map(({ marks }) => marks)).toEqual(macs.map((_, index) => [index]));
    for (const ear of ears.slice(1)) ear.close();
    expect(promiscuity()).toBe('promiscuity 1');
    ears[0]!.close();
    ears[0]!.close();
    // The kernel frees the socket a moment later.
    await until('the link is left alone', () => promiscuity() === 'promiscuity 0');
    await until('only the switch port is open', () => openDescriptors() === before + 1);
  });

  test('gives clients of one MAC the same frame, also behind IP options', async () => {
    const [first, second] = [listen(), listen()];
    const port = switchPort();
    port.send(reply(1, { options: 12 }));
    await until('it arrives', () => second.marks.length > 0);
    expect([first.marks, second.marks]).toEqual([[1], [1]]);
    second.close();
    port.send(reply(2));
    await until('the next arrives', () => first.marks.length === 2);
    expect(second.marks).toEqual([1]);
  });

  test('sends for every client, until that one has closed', async () => {
    const [first, second] = [listen(), listen(OTHER)];
    const sink = listen(OURS, { link: 'port1' });
    ip('link add link port1 name port1.500 type vlan id 500');
    ip('link set dev port1.500 up');
    const office = listen(OURS, { link: 'port1.500' });
    first.send(reply(1, { tags: [] }));
    second.send(reply(2, { tags: [] }));
    await until('both arrive', () => office.marks.length === 2);
    expect(office.marks).toEqual([1, 2]);
    expect(sink.marks).toEqual([]); // it arrives tagged there
    first.close();
    expect(() => {
      first.send(reply(3));
    }).toThrow(/closed packet socket on link eth1\.500/);
  });

  test('has room for a burst', async () => {
    const ear = listen();
    const port = switchPort();
    for (let mark = 0; mark < 150; mark += 1) port.send(reply(mark));
    await until('all arrive', () => ear.marks.length === 150);
  });

  test('of a link that does not exist is refused, and leaves nothing', () => {
    const before = openDescriptors();
    expect(() => listen(OURS, { link: 'nope0' })).toThrow(/link nope0: .*ENODEV/);
    expect(openDescriptors()).toBe(before);
  });
});

describe('a handler may', () => {
  test('close itself, and others of its MAC, while a frame is delivered', async () => {
    const second: Ear[] = [];
    const first = listen(OURS, {
      then: () => {
        first.close();
        second[0]!.close();
      },
    });
    second.push(listen());
    const other = listen(OTHER);
    const port = switchPort();
    port.send(reply(1));
    port.send(reply(2, { chaddr: OTHER }));
    await until('the second arrives', () => other.marks.length > 0);
    expect(first.marks).toEqual([1]);
    expect(second[0]!.marks).toEqual([]);
    expect(promiscuity()).toBe('promiscuity 1');
  });

  test('close the last one, and open anew, while a frame is delivered', async () => {
    const opened: Ear[] = [];
    const first = listen(OURS, {
      then: () => {
        first.close();
        opened.push(listen(), listen());
      },
    });
    const port = switchPort();
    port.send(reply(1));
    await until('it arrives', () => opened.length > 0);
    port.send(reply(2));
    await until('the next arrives', () => opened[1]!.marks.length > 0);
    expect(first.marks).toEqual([1]);
    expect(opened.map(({ marks }) => marks)).toEqual([[2], [2]]);
    expect(promiscuity()).toBe('promiscuity 1');
  });

  test('open another while a frame is delivered, which does not get that frame', async () => {
    const opened: Ear[] = [];
    const first = listen(OURS, { then: () => opened.push(listen()) });
    switchPort().send(reply(1));
    await until('it arrives', () => first.marks.length > 0);
    await eventsHandled();
    expect(opened.map(({ marks }) => marks)).toEqual([[]]);
  });
});

describe('the end of the link', () => {
  test('is told to every client once; the next one opened starts anew', async () => {
    const before = openDescriptors();
    const ears = [listen(), listen(), listen(OTHER)];
    ip('link del dev eth1.500');
    await until('it is reported', () => ears.every(({ errors }) => errors.length > 0));
    await eventsHandled();
    expect(ears.map(({ errors }) => errors.length)).toEqual([1, 1, 1]);
    await until('the descriptor is closed', () => openDescriptors() === before);
    expect(() => {
      ears[0]!.send(reply(1));
    }).toThrow(/closed/);
    ip('link add link eth1 name eth1.500 type vlan id 500');
    ip('link set dev eth1.500 up');
    const next = listen();
    for (const ear of ears) ear.close(); // only now: the link no longer belongs to them
    await until('a frame arrives', () => {
      switchPort().send(reply(2));
      return next.marks.length > 0;
    });
  });

  test('may be answered by closing others, which then are not told', async () => {
    const told: string[] = [];
    const sockets = ['first', 'second'].map((name) =>
      openLeaseSocket({ link: 'eth1.500', shared: true }, OURS, {
        onFrame: () => undefined,
        onError: () => {
          told.push(name);
          for (const socket of sockets) socket.close();
        },
      }),
    );
    ip('link del dev eth1.500');
    await until('it is reported', () => told.length > 0);
    await eventsHandled();
    expect(told).toEqual(['first']);
  });

  test('that nobody has told yet does not hinder a client on another link of that name', async () => {
    const former = listen();
    ip('link set dev eth1.500 down');
    await eventsHandled();
    ip('link del dev eth1.500');
    ip('link add link eth1 name eth1.500 type vlan id 500');
    ip('link set dev eth1.500 up');
    const next = listen();
    await until('a frame arrives', () => {
      switchPort().send(reply(2));
      return next.marks.length > 0;
    });
    expect(former.marks).toEqual([]);
    expect(() => {
      former.send(reply(3));
    }).toThrow();
    await until('the former is told', () => former.errors.length > 0);
    expect(next.errors).toEqual([]);
  });

  test('is none while it is only down', async () => {
    const ear = listen();
    ip('link set dev eth1.500 down');
    await eventsHandled();
    ip('link set dev eth1.500 up');
    const port = switchPort();
    await until('a frame arrives', () => {
      port.send(reply(1));
      return ear.marks.length > 0;
    });
    expect(ear.errors).toEqual([]);
  });
});

describe('replies to the MAC of a link on top', () => {
  /** A plain socket hears less. The frames that it misses show why the shared socket is needed. */
  async function expectHeard(childMac: Mac, isTaken: boolean): Promise<void> {
    const [ear, plain] = [listen(childMac), listen(childMac, { shared: false, link: 'eth1.500' })];
    const port = switchPort();
    port.send(reply(1, { chaddr: childMac, to: childMac }));
    port.send(reply(2, { chaddr: childMac, to: childMac, tags: [501] }));
    port.send(reply(3, { chaddr: childMac }));
    await until('the last one arrives', () => ear.marks.includes(3));
    await eventsHandled();
    expect(ear.marks).toEqual([1, 3]);
    if (isTaken) expect(plain.marks).not.toContain(1);
  }

  test.each(['bridge', 'private', 'vepa', 'passthru'])(
    'are heard before a macvlan in a container takes them (mode %s)',
    async (mode) => {
      const container = sandbox.addNamespace();
      ip(`link add link eth1.500 name mv0 address ${OURS} type macvlan mode ${mode}`);
      ip(`link set dev mv0 netns ${container.name}`);
      container.run(() => ip('link set dev mv0 up'));
      await expectHeard(OURS, true);
    },
  );

  test.each(['l2', 'l3'])(
    'are heard before an ipvlan in a container takes them (mode %s)',
    async (mode) => {
      const container = sandbox.addNamespace();
      const [, mac = ''] = /link\/ether (\S+)/.exec(ip('link show dev eth1.500')) ?? [];
      ip(`link add link eth1.500 name iv0 type ipvlan mode ${mode}`);
      ip(`link set dev iv0 netns ${container.name}`);
      container.run(() => ip('link set dev iv0 up'));
      await expectHeard(parseMac(mac)!, false);
    },
  );

  test('are heard before a bridge on the VLAN link forwards them to a container', async () => {
    const container = sandbox.addNamespace();
    ip('link add name br0 type bridge');
    ip('link set dev br0 up');
    ip('link set dev eth1.500 master br0');
    ip(`link add name vh0 type veth peer name vc0 address ${OURS} netns ${container.name}`);
    ip('link set dev vh0 master br0 up');
    container.run(() => ip('link set dev vc0 up'));
    await until('the port forwards', () => ip('-d link show dev vh0').includes('forwarding'));
    await expectHeard(OURS, true);
  });

  test('on the untagged parent are heard; those of its VLANs are not', async () => {
    ip(`link add link eth1 name mv0 address ${OURS} type macvlan mode bridge`);
    ip('link set dev mv0 up');
    const ear = listen(OURS, { link: 'eth1' });
    const tagged = listen(OURS);
    const port = switchPort();
    port.send(reply(1, { to: OURS }));
    port.send(reply(2));
    port.send(reply(3, { tags: [501] }));
    port.send(reply(4, { tags: [] }));
    port.send(reply(5, { tags: [], to: OURS }));
    await until('the last arrives', () => ear.marks.includes(5));
    await until('the tagged ones arrive', () => tagged.marks.includes(2));
    expect(ear.marks).toEqual([4, 5]);
    expect(tagged.marks).toEqual([1, 2]);
  });
});
