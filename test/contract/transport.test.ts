/** What the socket does with requests that are not good ones (libnetwork.md §1). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { Agent } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refusal } from '../support/fakes/driver-rig.ts';
import { dial, post } from '../support/lab/unix-http.ts';
import { ServerRig } from './server-rig.ts';

const IDS = { NetworkID: 'a1'.repeat(32), EndpointID: 'b2'.repeat(32) };
const CALLS_WITH_ARGUMENT = [
  'CreateNetwork',
  'DeleteNetwork',
  'CreateEndpoint',
  'DeleteEndpoint',
  'EndpointOperInfo',
  'Join',
  'Leave',
  'ProgramExternalConnectivity',
  'RevokeExternalConnectivity',
  'DiscoverNew',
  'DiscoverDelete',
];

let rig: ServerRig;
beforeEach(async () => {
  rig = await ServerRig.start();
});
afterEach(() => rig.stop());

/** Leaves a socket like that of a killed process. */
async function leaveSocket(path: string): Promise<void> {
  const listen = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log())`;
  const child = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await exited;
}

const bothKeys = (text: unknown) => ({ Err: text, Error: text });

describe('a bad request is answered and does nothing', () => {
  it.each(CALLS_WITH_ARGUMENT)(
    "%s with an empty body is dockerd's retry after a broken connection (trap 1): refused",
    async (call) => {
      const { status, json } = await post(rig.path, `/NetworkDriver.${call}`);
      const text = expect.stringContaining('retry of a call whose connection broke') as string;
      expect([status, json]).toEqual([200, bothKeys(text)]);
      expect(rig.driver.calls).toEqual([]);
    },
  );

  it.each([
    ['torn', '{"NetworkID":"a'],
    ['no JSON', 'hello'],
    ['a list', '[]'],
    ['a string', '"x"'],
    ['null', 'null'],
    ['a number', '5'],
    ['blanks', ' \n'],
    ['bytes', Buffer.from([0xff, 0xfe, 0x00, 0x80])],
    ['deeply nested', `${'['.repeat(100_000)}`],
  ])('%s', async (_what, body) => {
    const { status, json } = await post(rig.path, '/NetworkDriver.Leave', body);
    expect([status, json]).toEqual([200, bothKeys(expect.stringContaining('the request '))]);
    expect(rig.driver.calls).toEqual([]);
  });

  it('a request in dockerd’s form, but with values nested without end: refused in one sentence', async () => {
    const DEEP = 100_000;
    const list = `${'['.repeat(DEEP)}${']'.repeat(DEEP)}`;
    const map = `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`;
    const ids = `"NetworkID":"${IDS.NetworkID}","EndpointID":"${IDS.EndpointID}","PoolID":"v1"`;
    const sentence = "the request is nested more than 32 levels deep; Docker's have four";
    const bodies = [list, map].flatMap((deep) => [
      ['NetworkDriver.CreateNetwork', `{${ids},"Options":${deep}}`],
      ['NetworkDriver.CreateNetwork', `{${ids},"Options":{"com.docker.network.generic":${deep}}}`],
      [
        'NetworkDriver.CreateNetwork',
        `{${ids},"Options":{"com.docker.network.generic":{"vlan":${deep}}}}`,
      ],
      ['NetworkDriver.CreateNetwork', `{${ids},"IPv4Data":[{"Pool":${deep}}]}`],
      ['NetworkDriver.CreateEndpoint', `{${ids},"Interface":${deep}}`],
      ['NetworkDriver.CreateEndpoint', `{${ids},"Interface":{"Address":${deep}}}`],
      ['NetworkDriver.CreateEndpoint', `{${ids},"Options":{"id":${deep}}}`],
      ['NetworkDriver.Join', `{${ids},"SandboxKey":${deep}}`],
      ['NetworkDriver.DiscoverNew', `{"DiscoveryData":${deep}}`],
      ['IpamDriver.RequestPool', `{"Options":{"parent":${deep}}}`],
      ['IpamDriver.RequestAddress', `{${ids},"Options":{"RequestAddressType":${deep}}}`],
      ['IpamDriver.ReleasePool', deep],
      ['IpamDriver.ReleasePool', `{${ids},"Tomorrow":${deep}}`],
    ]);
    for (const [call = '', body] of bodies) {
      const { status, json } = await post(rig.path, `/${call}`, body);
      expect([call, status, json]).toEqual([call, 200, bothKeys(sentence)]);
    }
    expect([rig.driver.calls, rig.ipam.calls]).toEqual([[], []]);
    expect((await rig.call('NetworkDriver.Leave', IDS)).status).toBe(200);
  });

  it('a call without argument does not look at its body', async () => {
    const { json } = await post(rig.path, '/NetworkDriver.GetCapabilities', '['.repeat(100_000));
    expect(json).toMatchObject({ Scope: 'local' });
  });

  it.each([
    ['32 levels', 32, {}],
    ['33 levels', 33, bothKeys(expect.stringContaining('more than 32 levels'))],
  ])('%s: the bound is exact, whatever brackets are in texts', async (_what, levels, answer) => {
    const deep = `${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}`;
    const body = `{"NetworkID":"a","EndpointID":"b","x":"\\"[[{\\\\","y":"${'['.repeat(99)}","z":${deep}}`;
    expect((await post(rig.path, '/NetworkDriver.Leave', body)).json).toEqual(answer);
  });

  it('a body of more than 1 MB: 413, both keys, and the socket goes on', async () => {
    const body = JSON.stringify({ ...IDS, Options: { x: 'y'.repeat(1_100_000) } });
    const { status, json } = await post(rig.path, '/NetworkDriver.CreateEndpoint', body);
    expect([status, json]).toEqual([413, bothKeys(expect.stringContaining('too large'))]);
    expect(rig.driver.calls).toEqual([]);
    expect((await rig.call('NetworkDriver.Leave', IDS)).status).toBe(200);
  });

  it('a body that is small only while it is compressed: the same', async () => {
    const headers = { 'Content-Encoding': 'gzip' };
    const body = gzipSync(Buffer.alloc(50_000_000, '['));
    const { status, json } = await post(rig.path, '/NetworkDriver.Leave', body, { headers });
    expect([status, json]).toEqual([413, bothKeys(expect.stringContaining('too large'))]);
    expect((await rig.call('NetworkDriver.Leave', IDS)).status).toBe(200);
  });

  it('a body just below 1 MB is read', async () => {
    const body = JSON.stringify({ ...IDS, Options: { x: 'y'.repeat(1_000_000) } });
    expect((await post(rig.path, '/NetworkDriver.CreateEndpoint', body)).status).toBe(200);
    expect(rig.driver.calls).toHaveLength(1);
  });

  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    '%s is no method of a plugin',
    async (method) => {
      const { status, json } = await post(rig.path, '/NetworkDriver.Leave', JSON.stringify(IDS), {
        method,
      });
      expect([status, json]).toEqual([
        404,
        bothKeys(`vlandhcp has no call ${method} /NetworkDriver.Leave`),
      ]);
      expect(rig.driver.calls).toEqual([]);
    },
  );

  it.each([
    '/NetworkDriver.Nonsense',
    '/IpamDriver.Nonsense',
    '/',
    '//',
    '/__proto__',
    '/constructor',
    '/toString',
    '/hasOwnProperty',
    '/NetworkDriver.Leave/',
    '/NetworkDriver.Leave/..',
    '/networkdriver.leave',
    '/%00',
    '/%zz',
  ])('%s is no call: 404 with both keys', async (path) => {
    const { status, json } = await post(rig.path, path, JSON.stringify(IDS));
    expect(status).toBe(404);
    expect(json).toEqual(bothKeys(expect.stringMatching(/^vlandhcp has no call POST /)));
    expect(rig.driver.calls).toEqual([]);
  });

  it('bytes that are not HTTP cost their connection and no other', async () => {
    const socket = await dial(rig.path);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.resume();
    socket.write('\u0016\u0003\u0001 this is not HTTP\r\n\r\n');
    await closed;
    expect((await rig.call('NetworkDriver.Leave', IDS)).status).toBe(200);
  });

  it('a body that ends early does nothing', async () => {
    const socket = await dial(rig.path);
    socket.end('POST /NetworkDriver.Leave HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{"Net');
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(rig.driver.calls).toEqual([]);
    expect((await rig.call('NetworkDriver.Leave', IDS)).status).toBe(200);
  });

  it.each(['text/plain', 'application/json; charset=latin1', 'application/x-www-form-urlencoded'])(
    'Content-Type %s is not believed: the body is JSON all the same',
    async (type) => {
      const headers = { 'Content-Type': type };
      expect((await rig.call('NetworkDriver.Leave', IDS, { headers })).json).toEqual({});
    },
  );

  it('__proto__ and constructor inside a body are keys like others', async () => {
    const body = `{"NetworkID":"${IDS.NetworkID}","Options":{"com.docker.network.generic":{"__proto__":"x","constructor":"y"}}}`;
    expect((await post(rig.path, '/NetworkDriver.CreateNetwork', body)).json).toEqual({});
    const [{ options }] = rig.driver.calls[0]!.args as [{ options: object }];
    expect(Object.getOwnPropertyNames(options)).toEqual(['__proto__', 'constructor']);
  });
});

describe('dockerd hangs up', () => {
  it('during CreateEndpoint: the signal aborts, so that the driver undoes what it did (trap 12)', async () => {
    const hangUp = new AbortController();
    const aborted = new Promise<void>((resolve) => {
      rig.driver.behaviour = (_method, signal) => {
        setImmediate(() => hangUp.abort());
        return new Promise((_done, reject) => {
          signal!.addEventListener('abort', () => {
            resolve();
            reject(new Error('undone'));
          });
        });
      };
    });
    const call = rig.call('NetworkDriver.CreateEndpoint', IDS, { signal: hangUp.signal });
    await Promise.all([aborted, expect(call).rejects.toThrow()]);
  });

  it('an answer that was received aborts nothing, also when the connection closes later', async () => {
    let given: AbortSignal | undefined;
    rig.driver.behaviour = (_method, signal) => {
      given = signal;
      return Promise.resolve();
    };
    await rig.call('NetworkDriver.CreateEndpoint', IDS);
    await rig.stop();
    expect(given?.aborted).toBe(false);
  });
});

describe('a call that does not come to an end', () => {
  it('is answered after 28 s, before dockerd gives up at 30, and told to take back (trap 2)', async () => {
    let given: AbortSignal | undefined;
    const arrived = new Promise<void>((resolve) => {
      rig.driver.behaviour = (_method, signal) => {
        given = signal;
        resolve();
        return new Promise(() => undefined);
      };
    });
    const call = rig.call('NetworkDriver.CreateEndpoint', IDS);
    await arrived;
    await rig.clock.pass(27_999);
    expect(given?.aborted).toBe(false);
    await rig.clock.pass(1);
    const { status, json } = await call;
    const text = expect.stringContaining('CreateEndpoint was not finished within 28 s') as string;
    expect([status, json]).toEqual([200, bothKeys(text)]);
    expect(given?.aborted).toBe(true);
    expect(rig.clock.pending).toBe(0);
  });
});

describe('connections', () => {
  it('200 calls at a time are all answered (128 containers start at once at boot)', async () => {
    rig.driver.behaviour = () => new Promise((resolve) => setImmediate(resolve));
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => rig.call('NetworkDriver.CreateEndpoint', IDS)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(rig.driver.calls).toHaveLength(200);
  });

  it('one connection serves many calls, refusals, too', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let connections = 0;
    const create = agent.createConnection.bind(agent);
    agent.createConnection = (...args) => ((connections += 1), create(...args));
    for (const body of [IDS, {}, IDS, [], IDS]) {
      expect((await rig.call('NetworkDriver.Leave', body, { agent })).status).toBe(200);
    }
    expect((await post(rig.path, '/nonsense', undefined, { agent })).status).toBe(404);
    expect(connections).toBe(1);
    agent.destroy();
  });

  it('an answer does not announce that the connection will be closed: dockerd keeps it (libnetwork.md §1)', async () => {
    const agent = new Agent({ keepAlive: true });
    const { headers } = await rig.call('NetworkDriver.Leave', IDS, { agent });
    expect(headers['connection']).toBe('keep-alive');
    expect(headers['keep-alive']).toBeUndefined();
    agent.destroy();
  });
});

describe('the socket file', () => {
  it('is for root alone', async () => {
    expect((await stat(rig.path)).mode & 0o777).toBe(0o600);
  });

  it('its folder is made if it is not there', async () => {
    const path = join(rig.dir, 'plugins', 'deep', 'vlandhcp.sock');
    await rig.serve([path]);
    expect((await post(path, '/Plugin.Activate')).status).toBe(200);
  });

  it('two paths serve the same', async () => {
    const paths = [join(rig.dir, 'a.sock'), join(rig.dir, 'b.sock')];
    await rig.serve(paths);
    for (const path of paths) expect((await post(path, '/Plugin.Activate')).status).toBe(200);
  });

  it('left by a killed process is replaced', async () => {
    const path = join(rig.dir, 'stale.sock');
    await leaveSocket(path);
    expect((await lstat(path)).isSocket()).toBe(true);
    await rig.serve([path]);
    expect((await post(path, '/Plugin.Activate')).status).toBe(200);
  });

  it.each([
    ['leads nowhere', () => '/nonexistent/x.sock'],
    ['leads to the socket of a killed process', () => join(rig.dir, 'stale.sock')],
  ])('a link in its place that %s is replaced', async (_what, target) => {
    await leaveSocket(join(rig.dir, 'stale.sock'));
    const path = join(rig.dir, 'link.sock');
    await symlink(target(), path);
    await rig.serve([path]);
    expect((await lstat(path)).isSocket()).toBe(true);
  });

  it.each([
    ['in its place', (path: string, file: string) => rename(file, path)],
    ['behind a link in its place', (path: string, file: string) => symlink(file, path)],
  ])('a file of somebody else %s is left alone', async (_what, put) => {
    const path = join(rig.dir, 'notes.sock');
    const file = join(rig.dir, 'notes.txt');
    await writeFile(file, 'precious');
    await put(path, file);
    expect(await refusal(rig.serve([path]))).toEqual({
      code: 'SOCKET_FAILED',
      message: `cannot listen on ${path}: what is there is no socket; remove it`,
    });
    expect(await readFile(path, 'utf8')).toBe('precious');
  });

  it('of a live process is left alone, and the sentence says what to do', async () => {
    expect(await refusal(rig.serve([rig.path]))).toEqual({
      code: 'SOCKET_FAILED',
      message: `another process already listens on ${rig.path}; is vlandhcp running both as a service and as a managed plugin? Stop one of the two`,
    });
    expect((await post(rig.path, '/Plugin.Activate')).status).toBe(200);
  });

  it('if the second path fails, the first one is not left behind', async () => {
    const first = join(rig.dir, 'first.sock');
    await refusal(rig.serve([first, rig.path]));
    expect(await readdir(rig.dir)).toEqual(['vlandhcp.sock']);
  });

  it.each([
    ['a folder', 'folder.sock'],
    ['a name too long for a socket (107 characters)', `${'x'.repeat(120)}.sock`],
    ['below a file', 'file/x.sock'],
  ])('%s is refused with the path', async (_what, name) => {
    await mkdir(join(rig.dir, 'folder.sock'));
    await writeFile(join(rig.dir, 'file'), '');
    const { code, message } = await refusal(rig.serve([join(rig.dir, name)]));
    expect(code).toBe('SOCKET_FAILED');
    expect(message).toContain(`cannot listen on ${join(rig.dir, name)}`);
  });

  it('a socket that is busy is not taken for a dead one', async () => {
    const path = join(rig.dir, 'busy.sock');
    const busy = createServer(() => undefined);
    await new Promise<void>((resolve) => busy.listen(path, resolve));
    expect((await refusal(rig.serve([path]))).code).toBe('SOCKET_FAILED');
    await new Promise((resolve) => busy.close(resolve));
  });
});

describe('stopping', () => {
  it('removes the socket files', async () => {
    const paths = [join(rig.dir, 'a.sock'), join(rig.dir, 'b.sock')];
    const server = await rig.serve(paths);
    await server.close();
    expect(await readdir(rig.dir)).toEqual(['vlandhcp.sock']);
  });

  it('ends while dockerd keeps idle connections open', async () => {
    const agent = new Agent({ keepAlive: true });
    await rig.call('NetworkDriver.Leave', IDS, { agent });
    await rig.stop();
    agent.destroy();
  });

  it('lets a call in flight finish, and then ends, though its connection is kept alive', async () => {
    const agent = new Agent({ keepAlive: true });
    let finish = () => {};
    const begun = new Promise<void>((resolve) => {
      rig.driver.behaviour = () => {
        resolve();
        return new Promise((done) => (finish = done));
      };
    });
    const call = rig.call('NetworkDriver.Leave', IDS, { agent });
    await begun;
    const stopped = rig.stop();
    finish();
    expect((await call).status).toBe(200);
    await stopped;
    agent.destroy();
  });
});
