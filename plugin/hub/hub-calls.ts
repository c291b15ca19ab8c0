/** The calls of the hub's admin socket: what each takes, and what it tells. */
import * as v from 'valibot';
import type { AdminCalls } from '../uplink/admin-socket.ts';
import { isName, NAME_RULE } from '../uplink/protocol/value-schemas.ts';
import { parseVlans } from '../uplink/vlan-list.ts';
import { fingerprintOf } from '../uplink/wireguard-key.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { ManageOperator } from './authority/manage-operator.ts';
import type { HubOperator } from './hub-operator.ts';
import type { HubState } from './hub-state.ts';
import type { MemberRecord } from './hub-records.ts';
import { addressOf, isLive, LONGEST_INVITE_MS } from './members.ts';

/** One line of `vlandhcp hub list`. */
export interface HubEntry {
  readonly name: string;
  readonly state: 'member' | 'held' | 'invited';
  readonly address: string;
  readonly vlans: readonly number[];
  readonly mesh: boolean;
  /** The largest packet that passes on the way to it. Undefined: as much as the tunnel has. */
  readonly pathMtu?: number | undefined;
  readonly managed: boolean;
  /** The TCP port of the hub that leads to its Docker. */
  readonly managePort: number | undefined;
  /** What the member's host calls itself. Undefined for an invitation. */
  readonly host: string | undefined;
  readonly fingerprint: string | undefined;
  readonly joinedAt: number | undefined;
  /** When an invitation ends. */
  readonly expiresAt: number | undefined;
  /** `198.51.100.7:40000`, or `tls 198.51.100.7`, or `ssh`. */
  readonly endpoint: string | undefined;
  readonly handshakeAt: number | undefined;
  readonly rxBytes: number | undefined;
  readonly txBytes: number | undefined;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** The limit of browsers for certificates of servers. Clients have the same limit here. */
const LONGEST_CLIENT_MS = 397 * 86_400_000;

const name = v.custom<string>(isName, `a name has ${NAME_RULE}`);
const vlanText = v.pipe(
  v.string(),
  v.check(
    (text) => parseVlans(text) !== undefined,
    'VLANs are numbers from 1 to 4094, as in 500,600-610',
  ),
  v.transform((text) => parseVlans(text) ?? []),
);
const invitation = v.object({
  name,
  vlans: vlanText,
  mesh: v.optional(v.boolean(), false),
  approve: v.optional(v.boolean(), false),
  expiresMs: v.pipe(
    v.number(),
    v.check(
      (ms) => ms >= MINUTE_MS && ms <= LONGEST_INVITE_MS,
      'a token is valid for 1 minute to 24 hours, as in 30m or 1h',
    ),
  ),
});

const client = v.object({
  name,
  expiresMs: v.pipe(
    v.number(),
    v.check(
      (ms) => ms >= HOUR_MS && ms <= LONGEST_CLIENT_MS,
      'a certificate is valid for 1 hour to 397 days, as in 12h or 90d',
    ),
  ),
  isExported: v.boolean(),
  port: v.optional(
    v.pipe(
      v.number(),
      v.check(
        (port) => Number.isInteger(port) && port >= 1 && port <= 65_535,
        'a port is 1 to 65535',
      ),
    ),
  ),
});

/** @param whence where a member is that WireGuard knows by a port of this host. */
export function hubCalls(
  hub: HubState,
  operator: HubOperator,
  manage: ManageOperator,
  whence: (endpoint: string) => string,
): AdminCalls {
  return {
    async invite(body) {
      const { record, token } = await operator.invite(checked(invitation, body));
      const { name: of, vlans, mesh, expiresAt } = record;
      return { name: of, vlans, mesh, expiresAt, token };
    },
    async list() {
      return { site: hub.record.site, members: await entriesOf(hub, whence) };
    },
    async vlans(body) {
      const wanted = checked(v.object({ name, vlans: vlanText }), body);
      return told(await operator.setVlans(wanted.name, wanted.vlans));
    },
    async approve(body) {
      return told(await operator.approve(checked(v.object({ name }), body).name));
    },
    async revoke(body) {
      return operator.revoke(checked(v.object({ name }), body).name);
    },
    async client(body) {
      return manage.client({ port: undefined, ...checked(client, body) });
    },
    async 'end-clients'(body) {
      return told(await manage.end(checked(v.object({ name }), body).name));
    },
  };
}

function told({ name: of, vlans, publicKey }: MemberRecord): object {
  return { name: of, vlans, fingerprint: fingerprintOf(publicKey) };
}

async function entriesOf(hub: HubState, whence: (endpoint: string) => string): Promise<HubEntry[]> {
  const peers = await hub.peers();
  const { members, invites } = hub.contents;
  const used = new Set(members.map(({ inviteId }) => inviteId));
  return [
    ...members.filter(isLive).map((member): HubEntry => {
      const { name: of, number, vlans, mesh, hostName, publicKey, joinedAt, phase } = member;
      const { pathMtu, managed } = member;
      const peer = peers.get(publicKey);
      return {
        ...{ name: of, state: phase === 'held' ? 'held' : 'member', vlans, mesh, host: hostName },
        ...{ address: addressOf(hub.record, number), fingerprint: fingerprintOf(publicKey) },
        ...{ managed: managed?.isOn === true, managePort: managed?.port },
        ...{ joinedAt, expiresAt: undefined, pathMtu },
        endpoint: peer?.endpoint === undefined ? undefined : whence(peer.endpoint),
        ...{ handshakeAt: peer?.handshakeAt, rxBytes: peer?.rxBytes, txBytes: peer?.txBytes },
      };
    }),
    ...invites
      .filter(({ id, expiresAt }) => !used.has(id) && expiresAt > hub.now())
      .map(({ name: of, number, vlans, mesh, expiresAt }): HubEntry => {
        const address = addressOf(hub.record, number);
        return {
          ...{ name: of, state: 'invited', address, vlans, mesh, host: undefined, expiresAt },
          ...{ managed: false, managePort: undefined },
          ...{ fingerprint: undefined, joinedAt: undefined, endpoint: undefined },
          ...{ handshakeAt: undefined, rxBytes: undefined, txBytes: undefined },
        };
      }),
  ].sort((a, b) => a.name.localeCompare(b.name));
}

/** @throws PluginError INVALID_OPTION with one sentence. */
function checked<Output>(schema: v.GenericSchema<unknown, Output>, body: unknown): Output {
  const read = v.safeParse(schema, body);
  if (read.success) return read.output;
  const [issue] = read.issues;
  const isOurs = issue.type === 'check' || issue.type === 'custom';
  const seen = isOurs ? `; got ${issue.received.slice(0, 60)}` : '';
  throw new PluginError(
    'INVALID_OPTION',
    `${v.getDotPath(issue) ?? 'the call'}: ${issue.message}${seen}`,
  );
}
