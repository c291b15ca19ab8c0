/** Streams of datagrams: what passes, how it is framed, and what `--via` makes of a way by ssh. */
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  framed,
  FramingError,
  PREFACE,
  PrefaceReader,
  Unframer,
} from '../../../plugin/uplink/streams/framing.ts';
import { passOverPipes } from '../../../plugin/uplink/streams/pipe-stream.ts';
import { sshEnvironment } from '../../../plugin/uplink/streams/ssh.ts';
import { MOST_UNSENT } from '../../../plugin/uplink/streams/datagram-stream.ts';
import {
  checkSshWay,
  firstSshHost,
  sshArguments,
  sshWords,
} from '../../../plugin/uplink/streams/ssh-way.ts';
import { messageTypeOf } from '../../../plugin/uplink/streams/wireguard-message.ts';
import { cookie, data, initiation, response } from '../../support/frames/wireguard-messages.ts';

describe('a message of WireGuard', () => {
  it('is told by its type, its zeros and its length', () => {
    const all = [initiation(), response(), cookie(), data(32), data(1452)];
    expect(all.map(messageTypeOf)).toEqual(['initiation', 'response', 'cookie', 'data', 'data']);
  });

  it.each<[string, Buffer]>([
    ['empty', Buffer.alloc(0)],
    ['a request of HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['an initiation that is short', initiation().subarray(1)],
    ['an initiation with more behind it', Buffer.concat([initiation(), Buffer.alloc(1)])],
    ['data without a tag', data(31)],
    ['data that no link has', data(2_049)],
    ['another type', Buffer.from([5, 0, 0, 0, ...Buffer.alloc(60)])],
    ['reserved bytes in use', Buffer.from([4, 0, 1, 0, ...Buffer.alloc(60)])],
  ])('is not: %s', (_, datagram) => expect(messageTypeOf(datagram)).toBeUndefined());
});

/** The bytes in chunks that end anywhere. */
function chunksOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length];
  const sorted = places.sort((a, b) => a - b);
  return sorted.slice(1).map((to, at) => bytes.subarray(sorted[at], to));
}

describe('frames', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const datagrams = fc.array(fc.uint8Array({ minLength: 1, maxLength: 2_048 }), { maxLength: 8 });
    fc.assert(
      fc.property(datagrams, fc.array(fc.nat(20_000)), (all, cuts) => {
        const sent = all.map((one) => Buffer.from(one));
        const bytes = Buffer.concat([Buffer.from(PREFACE), ...sent.map(framed)]);
        const [preface, unframer] = [new PrefaceReader(), new Unframer()];
        const seen = chunksOf(bytes, cuts).flatMap((chunk) => {
          const rest = preface.take(chunk);
          return rest === undefined ? [] : unframer.take(rest);
        });
        expect(seen).toEqual(sent);
      }),
    );
  });

  it.each([0, 2_049, 65_535])('of %d bytes are refused before they are kept', (length) => {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(length);
    expect(() => new Unframer().take(head)).toThrow(FramingError);
  });

  it('need the line of the relay in front, so that a shell is noticed', () => {
    expect(() => new PrefaceReader().take(Buffer.from('Welcome to hub!\n'))).toThrow(
      'the other end is no "vlandhcp hub relay": it said "Welcome to hub!"',
    );
    expect(() => new PrefaceReader().take(Buffer.from('vlandhcp relay 2\n'))).toThrow(FramingError);
  });

  it('are dropped while the other end takes none, and no memory grows', () => {
    const output = new PassThrough({ highWaterMark: 1 });
    const pipes = { input: new PassThrough(), output };
    const stream = passOverPipes(
      pipes,
      () => undefined,
      () => undefined,
    );
    for (let at = 0; at < 1_000; at += 1) stream.send(data(1_452));
    expect(output.writableLength + output.readableLength).toBeLessThan(MOST_UNSENT + 3_000);
  });

  it('end once, with the reason, when garbage comes', () => {
    const input = new PassThrough();
    const ends: string[] = [];
    passOverPipes(
      { input, output: new PassThrough() },
      () => undefined,
      (why) => ends.push(why),
    );
    input.emit('data', Buffer.alloc(10));
    input.emit('data', Buffer.alloc(10));
    expect(ends).toEqual(['a frame of 0 bytes came; frames have 1 to 2048']);
  });
});

describe('a way by ssh', () => {
  it('gives ssh its agent and its home, and no secret of the service', () => {
    const secrets = { HTTP_TOKEN: 's3cret', HTTPS_PROXY: 'http://me:x@p', NOTIFY_SOCKET: '/run/n' };
    const own = { PATH: '/bin', HOME: '/root', SSH_AUTH_SOCK: '/run/agent' };
    expect(sshEnvironment({ ...secrets, ...own })).toEqual(own);
  });

  const options = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15', '-o', 'ServerAliveInterval=5'];
  const relay = ['vlandhcp', 'hub', 'relay'].join(' ');

  it.each<[string, readonly string[], string]>([
    ['ssh://hub', ['--', 'hub', relay], 'hub'],
    [
      'ssh://root@hub.example.net:2222',
      ['-p', '2222', '-l', 'root', '--', 'hub.example.net', relay],
      'root@hub.example.net:2222',
    ],
    [
      'ssh://u@hub?jump=a,me@b:23',
      ['-J', 'a,me@b:23', '-l', 'u', '--', 'hub', relay],
      'u@hub by a, me@b:23',
    ],
    ['ssh://u@[2001:db8::1]', ['-l', 'u', '--', '2001:db8::1', relay], 'u@[2001:db8::1]'],
  ])('%s is typed, and ssh gets its arguments', (typed, args, words) => {
    checkSshWay(typed);
    expect(sshArguments(typed)).toEqual(['-T', ...options, ...args]);
    expect(sshWords(typed)).toBe(words);
  });

  it.each<[string, string, number]>([
    ['ssh://root@hub', 'hub', 22],
    ['ssh://hub:2222', 'hub', 2222],
    ['ssh://hub:2222?jump=me@a,b', 'a', 22],
    ['ssh://hub?jump=me@[2001:db8::1]:23,b', '2001:db8::1', 23],
  ])('%s dials %s first', (typed, host, port) => {
    expect(firstSshHost(typed)).toEqual({ host, port });
  });

  it.each([
    'hub',
    'ssh://',
    'ssh://-oProxyCommand=x',
    'ssh://-l@hub',
    'ssh://u@hub?jump=-oProxyCommand=x',
    'ssh://u@hub?jump=a b',
    'ssh://u@hub?jump=a;x',
    'ssh://u@hub/path',
    'ssh://u:secret@hub',
    'ssh://hub:0',
    'ssh://hub:70000',
    'ssh://hub?jump=a&x=1',
    `ssh://hub?jump=${'a,'.repeat(9)}a`,
    'ssh://$(x)',
  ])('%s is refused', (typed) => {
    expect(() => checkSshWay(typed)).toThrow(/is no way; write it as ssh:\/\/USER@HUB/);
  });
});
