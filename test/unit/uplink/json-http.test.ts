/** The limits of the JSON server, against a client that asks and does not wait for answers. */
import { EventEmitter, once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { askJson, createJsonServer, type JsonAnswer } from '../../../plugin/uplink/json-http.ts';

const LIMITS = { longestBody: 100, mostConnections: 100, mostFromOne: 8 };
const QUESTION = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

it.each(['hangs up', 'sends all at once'])(
  'work for a client that %s is bounded, also if nobody waits for the answers',
  async (how) => {
    const begun = new EventEmitter();
    const waiting: ((answer: JsonAnswer) => void)[] = [];
    let isHeld = true;
    const answer = (): Promise<JsonAnswer> => {
      if (!isHeld || waiting.length === LIMITS.mostFromOne) return Promise.resolve({ status: 204 });
      return new Promise((resolve) => {
        waiting.push(resolve);
        begun.emit('one');
      });
    };
    const server = createJsonServer(answer, LIMITS, () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const ask = async () => {
      const options = { host: '127.0.0.1', port, signal: AbortSignal.timeout(5_000) };
      return (await askJson(options, undefined, 1_000)).status;
    };
    const shared = connect({ port, host: '127.0.0.1' });
    for (let at = 0; at < LIMITS.mostFromOne; at += 1) {
      const one = once(begun, 'one');
      const socket = how === 'hangs up' ? connect({ port, host: '127.0.0.1' }) : shared;
      socket.write(QUESTION);
      await one;
      if (socket !== shared) socket.destroy();
    }
    expect(await ask()).toBe(503);
    isHeld = false;
    for (const resolve of waiting) resolve({ status: 204 });
    expect(await ask()).toBe(204);
    shared.destroy();
    server.closeAllConnections();
    server.close();
  },
);
