/**
 * Ports of the hub that lead to Docker of members, for workstations (U11). The hub passes bytes
 * without opening them: TLS has its ends at the workstation and at the member. Each member has a
 * port of its own. One port for all would need the name of the member in TLS, and Docker sends the
 * name of the host it dials, which is the hub's.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '../../logger.ts';
import { passBothWays } from '../../uplink/manage/both-ways.ts';
import { MANAGE_PORT } from '../../uplink/protocol/manage-protocol.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { HubDesired, HubMember } from '../desired.ts';

const MOST_CONNECTIONS = 128;
const KEEPALIVE_MS = 60_000;
const TRIED_AGAIN_MS = 10_000;
/** A member that is silent. */
const CONNECTED_WITHIN_MS = 10_000;

interface Open {
  readonly server: Server;
  readonly sockets: Set<Socket>;
  readonly port: number;
  readonly address: string;
}

export class MemberPorts {
  readonly #log: Logger;
  /** By the number of the member. */
  readonly #open = new Map<number, Open>();
  /** Failures that are in the log, so that a try every 10 s does not fill it. */
  #told = new Set<string>();
  #again: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * Closes ports that nobody is to have, and cuts what came by them. A port that cannot be opened
   * holds up no other, is told in the log, and is tried again.
   * @returns why ports are not open, by the number of the member.
   */
  async ensure({
    members,
  }: Pick<HubDesired, 'members'>): Promise<ReadonlyMap<number, PluginError>> {
    const wanted = members.filter(({ manage }) => manage?.port !== undefined);
    clearTimeout(this.#again);
    for (const [number, open] of this.#open) {
      const isWanted = wanted.some(
        (one) =>
          one.number === number && one.manage?.port === open.port && one.address === open.address,
      );
      if (!isWanted) this.#close(number, open);
    }
    const failures = new Map<number, PluginError>();
    for (const member of wanted) {
      if (this.#open.has(member.number)) continue;
      const failure = await this.#listen(member);
      if (failure !== undefined) failures.set(member.number, failure);
    }
    for (const err of failures.values()) {
      if (!this.#told.has(err.message)) this.#log.error({ err }, 'port of a member is not open');
    }
    this.#told = new Set([...failures.values()].map(({ message }) => message));
    if (failures.size > 0) {
      this.#again = setTimeout(() => void this.ensure({ members }), TRIED_AGAIN_MS).unref();
    }
    return failures;
  }

  close(): void {
    clearTimeout(this.#again);
    for (const [number, open] of this.#open) this.#close(number, open);
  }

  async #listen({ number, name, address, manage }: HubMember): Promise<PluginError | undefined> {
    const port = manage?.port ?? 0;
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) =>
      pass(socket, address, sockets),
    );
    server.maxConnections = MOST_CONNECTIONS;
    const cause = await new Promise<Error | undefined>((resolve) => {
      server.once('error', resolve);
      server.listen(port, () => resolve(undefined));
    });
    if (cause !== undefined) {
      return new PluginError(
        'SOCKET_FAILED',
        `the hub cannot listen on TCP port ${port} for ${name}: ${cause.message}; choose another port: vlandhcp hub context ${name} --export FILE --port PORT`,
        { cause },
      );
    }
    server.on('error', (err) => this.#log.error({ err, port }, 'port of a member failed'));
    this.#open.set(number, { server, sockets, port, address });
    this.#log.info({ member: name, port }, 'port that leads to Docker of a member opened');
    return undefined;
  }

  #close(number: number, { server, sockets }: Open): void {
    this.#open.delete(number);
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

function pass(socket: Socket, address: string, sockets: Set<Socket>): void {
  const member = connect({ host: address, port: MANAGE_PORT, allowHalfOpen: true });
  for (const [one, other] of [
    [socket, member],
    [member, socket],
  ] as const) {
    sockets.add(one);
    one.setNoDelay(true);
    one.setKeepAlive(true, KEEPALIVE_MS);
    one.on('error', () => other.destroy());
    one.once('close', () => sockets.delete(one));
  }
  member.setTimeout(CONNECTED_WITHIN_MS, () => member.destroy(new Error('the member is silent')));
  socket.once('close', () => {
    if (member.connecting) member.destroy();
  });
  member.once('connect', () => {
    member.setTimeout(0);
    passBothWays(socket, member);
  });
}
