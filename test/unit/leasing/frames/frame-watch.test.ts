/** A trace over the whole plugin: what its clients send and hear, with what they make of it. */
import { describe, expect, it } from 'vitest';
import { describeFrame } from '../../../../plugin/leasing/frames/describe-frame.ts';
import { FrameWatch, type WatchedFrame } from '../../../../plugin/leasing/frames/frame-watch.ts';
import type { FrameSocket } from '../../../../plugin/leasing/sockets/frame-socket.ts';
import { encodeFrame } from '../../../../plugin/dhcp4/frame.ts';
import { OPTION, textValue } from '../../../../plugin/dhcp4/options.ts';
import { FakeClock } from '../../../support/time/fake-clock.ts';
import { NETWORK, rigWithNetwork, type DriverRig } from '../../../support/fakes/driver-rig.ts'; // prettier-ignore
import { ip, mac, nak, offer } from '../../../support/frames/messages.ts';

const ASTERISK = '02:74:52:1f:fe:e0';
const SEGMENT = 'VLAN 500 of eth1';

async function traced(
  work: (rig: DriverRig) => Promise<void>,
  wanted = { network: NETWORK as string | undefined, macs: [] as string[] },
): Promise<WatchedFrame[]> {
  const rig = await rigWithNetwork();
  const seen: WatchedFrame[] = [];
  const end = rig.operator.watch(wanted, (frame) => seen.push(frame));
  await work(rig);
  end();
  rig.stop();
  return seen;
}
const start = async (rig: DriverRig) => {
  await rig.createEndpoint({ options: { id: 'asterisk' } });
  await rig.join();
};
const told = (frames: readonly WatchedFrame[]) =>
  frames.map((frame) => `${frame.direction} ${describeFrame(frame).type}`);

describe('a container starts', () => {
  it('of a network: each message in its order, whose it is, and where', async () => {
    const frames = await traced(start);
    expect(
      told(frames)
        .filter((text) => !text.includes('probe'))
        .slice(0, 4),
    ).toEqual(['sent DISCOVER', 'heard OFFER', 'sent REQUEST', 'heard ACK']);
    for (const { client } of frames) {
      expect(client).toMatchObject({ mac: ASTERISK, segment: SEGMENT });
    }
  });

  it('of another network, or of another MAC: nothing', async () => {
    expect(await traced(start, { network: undefined, macs: ['02:00:00:00:00:99'] })).toEqual([]);
  });

  it('of its MAC', async () => {
    const frames = await traced(start, { network: undefined, macs: [ASTERISK] });
    expect(told(frames)).toContain('heard ACK');
  });

  it('an answer that is not used has the reason; what follows it has none', async () => {
    const frames = await traced(async (rig) => {
      const server = rig.wire.server.bind(rig.wire);
      rig.wire.server = (request) => {
        const { xid, chaddr } = request.message;
        const others = { xid: xid ^ 1, header: { chaddr } };
        return request.type === 'DISCOVER' ? [offer(others), ...server(request)] : server(request);
      };
      await start(rig);
    });
    const heard = frames.filter(({ direction }) => direction === 'heard');
    expect(heard.map(({ ignored }) => ignored)).toContain('xid-mismatch');
    expect(heard.find((frame) => describeFrame(frame).type === 'ACK')?.ignored).toBe(undefined);
  });

  it('no network of that id: one sentence', async () => {
    const rig = await rigWithNetwork();
    expect(() => rig.operator.watch({ network: 'f'.repeat(12), macs: [] }, () => {})).toThrow(
      'there is no network ffffffffffff',
    );
    rig.stop();
  });
});

describe('the watch', () => {
  const client = () => ({ key: 'e', mac: mac('02:00:00:00:00:01'), segment: SEGMENT });
  const socket = (parts: Partial<FrameSocket> = {}): FrameSocket => ({
    ...{ listen: () => {}, send: () => {}, sendFromLink: () => {}, close: () => {}, ...parts },
  });

  it('a frame that the kernel refuses has its reason, and the client sees the error', () => {
    const watch = new FrameWatch(new FakeClock());
    const seen: WatchedFrame[] = [];
    watch.watch((frame) => seen.push(frame));
    const refusing = socket({
      send: () => {
        throw new Error('ENETDOWN');
      },
    });
    const opened = watch.openSocket(() => refusing, client)({ link: 'br500' }, client().mac, {
      onFrame: () => undefined,
      onError: () => undefined,
    });
    expect(() => opened.send(new Uint8Array(60))).toThrow('ENETDOWN');
    expect(seen).toMatchObject([{ direction: 'sent', failed: 'ENETDOWN', link: 'br500' }]);
  });

  it('what is sent while a frame is handled is told after that frame, also if handling fails', () => {
    const watch = new FrameWatch(new FakeClock());
    const seen: string[] = [];
    watch.watch(({ direction, ignored }) => seen.push(`${direction} ${ignored ?? 'used'}`));
    let deliver: (frame: Uint8Array) => void = () => undefined;
    const opened = watch.openSocket((_place, _mac, handlers) => {
      deliver = (frame) => handlers.onFrame(frame, { checksumReady: true });
      return socket();
    }, client)({ link: 'br500' }, client().mac, {
      onFrame: () => {
        opened.send(new Uint8Array(60));
        watch.ignored('other');
        throw new Error('a client fails');
      },
      onError: () => undefined,
    });
    expect(() => deliver(new Uint8Array(60))).toThrow('a client fails');
    expect(seen).toEqual(['heard other', 'sent used']);
    opened.send(new Uint8Array(60));
    expect(seen.at(-1)).toBe('sent used');
  });

  it('after its end nothing is told, and a frame is not even copied', () => {
    const watch = new FrameWatch(new FakeClock());
    const seen: WatchedFrame[] = [];
    watch.watch((frame) => seen.push(frame))();
    let asked = 0;
    const counting = () => {
      asked += 1;
      return client();
    };
    const opened = watch.openSocket(() => socket(), counting)({ link: 'br500' }, client().mac, {
      onFrame: () => undefined,
      onError: () => undefined,
    });
    opened.send(new Uint8Array(60));
    expect([seen, asked]).toEqual([[], 0]);
  });
});

describe('a NAK and a broken frame in words', () => {
  it('the words of the server are quoted', () => {
    const message = nak({ xid: 0xabc, header: { chaddr: mac(ASTERISK) } });
    const options = new Map([...message.options, [OPTION.MESSAGE, textValue('no "such" lease')]]);
    const frame = encodeFrame({
      ...{ sourceMac: mac('02:00:00:00:00:01'), destinationMac: mac(ASTERISK) },
      ...{ sourceAddress: ip('192.0.2.1'), destinationAddress: ip('255.255.255.255') },
      message: { ...message, options },
    });
    expect(describeFrame({ frame, direction: 'heard' })).toEqual({
      ...{ protocol: 'DHCPv4', type: 'NAK' },
      text: 'xid 00000abc, server 192.0.2.1, says "no \\"such\\" lease"',
    });
  });

  it('bytes of any length: malformed, and what', () => {
    for (const length of [0, 1, 13, 14, 20, 21, 42, 300]) {
      for (const type of [
        [0, 0],
        [8, 0],
        [8, 6],
        [0x86, 0xdd],
      ] as const) {
        const frame = new Uint8Array(length);
        if (length > 13) frame.set(type, 12);
        const { type: seen } = describeFrame({ frame, direction: 'heard' });
        expect(seen).toBe('malformed');
      }
    }
  });
});
