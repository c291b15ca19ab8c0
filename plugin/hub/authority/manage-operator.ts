/** What an operator may do with the management of a member: make a client, and end all clients. */
import { PluginError } from '../../vocabulary/errors.ts';
import { parseEndpoint } from '../../uplink/protocol/value-schemas.ts';
import { MANAGE_PORT } from '../../uplink/protocol/manage-protocol.ts';
import type { MemberRecord } from '../hub-records.ts';
import type { HubState } from '../hub-state.ts';
import { addressOf, clientNameOf } from '../members.ts';
import type { Authority } from './authority.ts';
import type { MemberPorts } from './member-ports.ts';

/** The port of the hub that leads to member 3 is 23763, if the operator chooses no other. */
const FIRST_PORT = 23_760;

export interface ClientWanted {
  readonly name: string;
  readonly expiresMs: number;
  /** For a workstation, which reaches the member by a port of the hub. */
  readonly isExported: boolean;
  readonly port: number | undefined;
}

/** All that a Docker client needs. */
export interface DockerClient {
  readonly name: string;
  readonly site: string;
  /** `tcp://10.83.41.3:2376`. */
  readonly host: string;
  readonly expiresAt: number;
  /** PEM. */
  readonly authority: string;
  readonly certificate: string;
  readonly privateKey: string;
}

export class ManageOperator {
  readonly #hub: HubState;
  readonly #authority: Authority;
  readonly #ports: Pick<MemberPorts, 'ensure'>;

  constructor(hub: HubState, authority: Authority, ports: Pick<MemberPorts, 'ensure'>) {
    this.#hub = hub;
    this.#authority = authority;
    this.#ports = ports;
  }

  /** @throws PluginError if there is no such member, it is not managed, or a port is taken. */
  client({ name, expiresMs, isExported, port }: ClientWanted): Promise<DockerClient> {
    return this.#hub.turn(async () => {
      const member = this.#hub.named(name);
      const client = clientNameOf(this.#hub.record, member);
      if (client === undefined) {
        throw refused(
          `Docker of ${name} is not managed, and only its own operator can allow it; on that host: vlandhcp uplink manage on`,
        );
      }
      const { record } = this.#hub;
      const host = isExported
        ? await this.#export(member, port)
        : `tcp://${addressOf(record, member.number)}:${MANAGE_PORT}`;
      const now = this.#hub.now();
      const made = await this.#authority.makeClient(member, client, now, expiresMs);
      const authority = await this.#authority.certificate(now);
      const expiresAt = now + expiresMs;
      this.#hub.log.info({ member: name, host, expiresAt }, 'client for the management made');
      return { name, site: record.site, host, expiresAt, authority, ...made };
    });
  }

  /** Ends all certificates of clients of that member, and its port. @throws PluginError. */
  end(name: string): Promise<MemberRecord> {
    return this.#hub.turn(async () => {
      const member = this.#hub.named(name);
      const { managed } = member;
      if (managed === undefined) throw refused(`Docker of ${name} was never managed`);
      const ended = await this.#save(member, {
        ...{ isOn: managed.isOn, clients: managed.clients + 1, port: undefined },
      });
      this.#hub.log.info({ member: name }, 'clients of the management ended');
      return ended;
    });
  }

  /** Opens the port. @returns where a workstation reaches the member. */
  async #export(member: MemberRecord, wanted: number | undefined): Promise<string> {
    const { managed } = member;
    const port = wanted ?? managed?.port ?? FIRST_PORT + member.number;
    const other = this.#hub.contents.members.find(
      (one) => one.number !== member.number && one.managed?.port === port,
    );
    if (other !== undefined) {
      throw refused(`port ${port} of the hub leads to ${other.name}; choose another: --port`);
    }
    if (managed !== undefined && managed.port !== port) {
      await this.#save(member, { ...managed, port }).catch(async (error: unknown) => {
        await this.#hub.save({ ...member, revision: member.revision + 2 });
        throw error;
      });
    }
    const [endpoint = ''] = this.#hub.record.endpoints;
    const host = parseEndpoint(endpoint)?.host ?? '';
    return `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  async #save(
    member: MemberRecord,
    managed: NonNullable<MemberRecord['managed']>,
  ): Promise<MemberRecord> {
    const changed = { ...member, managed, revision: member.revision + 1 };
    await this.#hub.save(changed);
    const failure = (await this.#ports.ensure(this.#hub.desired())).get(member.number);
    if (failure !== undefined) throw failure;
    return changed;
  }
}

function refused(message: string): PluginError {
  return new PluginError('INVALID_REQUEST', message);
}
