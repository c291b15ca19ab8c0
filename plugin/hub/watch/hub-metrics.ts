/**
 * Metrics of the hub. A member has some ten series with its name, and a hub has at most 253
 * members.
 */
import type { Ms } from '../../vocabulary/time.ts';
import type { NftCounters } from '../../uplink/kernel/nft-counters.ts';
import { MetricsSet, setCounter, setOneOf } from '../../uplink/watch/metrics-set.ts';
import type { MetricsText, ServiceTelling } from '../../uplink/watch/service-telling.ts';
import type { WgKey } from '../../uplink/wireguard-key.ts';
import type { HubPeer } from '../desired.ts';
import type { HubContents } from '../hub-store.ts';
import { isLive } from '../members.ts';
import type { HubCounted, HubEvent } from './hub-events.ts';
import { REFUSALS } from './refusals.ts';

const WAYS = ['udp', 'tls', 'ssh'] as const;
/** Counters of the rules that drop (kernel/guards.ts). */
const DROPS = [
  ...['binding', 'outside', 'refused', 'between', 'routed', 'pieces', 'bpdu', 'cisco', 'tagged'],
  ...['hidden', 'dhcp_server', 'dhcp6_server', 'router_advert'],
];

export interface HubMetricsDeps {
  readonly telling: Pick<ServiceTelling<HubEvent, HubCounted>, 'count' | 'log'>;
  readonly contents: () => HubContents;
  readonly now: () => number;
  readonly peers: () => Promise<ReadonlyMap<WgKey, HubPeer>>;
  /** How long ago each member was heard, by name. */
  readonly ages: () => ReadonlyMap<string, Ms>;
  /** `198.51.100.7:40000`, or `tls 198.51.100.7`, or `ssh`. */
  readonly whence: (endpoint: string) => string;
  /** Connections to the TCP port. */
  readonly connections: () => number;
  /** Of the rules of the hub. */
  readonly counters: () => Promise<NftCounters>;
  readonly version: string;
}

/** What is looked up when somebody asks. */
interface Seen {
  readonly contents: HubContents;
  readonly peers: ReadonlyMap<WgKey, HubPeer>;
  readonly drops: NftCounters;
}

export function hubMetrics(deps: HubMetricsDeps): MetricsText {
  const { telling, version } = deps;
  const set = new MetricsSet();
  const begin = countEvents(set, telling);
  const take = statusGauges(set, deps);
  const look = async (): Promise<void> => {
    const [peers, drops] = await Promise.all([deps.peers(), deps.counters()]);
    const contents = deps.contents();
    for (const { name } of contents.members.filter(isLive)) begin(name);
    take({ contents, peers, drops });
  };
  const onFailure = (err: unknown): void => telling.log.debug({ err }, 'metrics not complete');
  return set.text({ version, whose: 'hub', look, onFailure });
}

function metricName(rest: string): string {
  return `vlandhcp_hub_${rest}`;
}

/** What happens. @returns a function that begins the series of a member. */
function countEvents(
  set: MetricsSet,
  telling: Pick<HubMetricsDeps['telling'], 'count'>,
): (member: string) => void {
  const joins = set.counter(metricName('joins_total'), 'Hosts that joined');
  const refused = set.counter(
    metricName('refusals_total'),
    'Calls of members and of hosts with a token that the hub refused',
    'reason',
  );
  for (const reason of REFUSALS) refused.inc({ reason }, 0);
  const silences = set.counter(
    metricName('member_silences_total'),
    'How often the hub did not hear a member for 15 seconds, 60 times an hour at most',
    'member',
  );
  const trouble = set.trouble(metricName('trouble_total'));
  telling.count((event) => {
    switch (event.type) {
      case 'member.joined':
        return joins.inc();
      case 'refusal':
        return refused.inc({ reason: event.reason });
      case 'member.silent':
        return silences.inc({ member: event.member });
      // A name that nobody has any more has no series.
      case 'member.left':
      case 'member.revoked':
        return silences.remove({ member: event.member });
      case 'trouble':
        return trouble.inc({ level: event.level });
      case 'invitation.made':
      case 'invitation.ended':
      case 'member.approved':
      case 'member.back':
      case 'member.busy':
      case 'vlans.changed':
      case 'key.changed':
      case 'path.changed':
      case 'management.on':
      case 'management.off':
      case 'token.used-again':
      case 'call.refused': // told once in a while; `refusal` counts each
      case 'service.started':
      case 'service.stopped':
    }
  });
  return (member) => silences.inc({ member }, 0);
}

/** What is the case. @returns a function that takes it over. */
function statusGauges(set: MetricsSet, deps: HubMetricsDeps): (seen: Seen) => void {
  const members = set.gauge(
    metricName('members'),
    'Members and open invitations: member, held or invited',
    'state',
  );
  const age = set.gauge(
    metricName('member_last_word_age_seconds'),
    'Time since a member was heard last, or since the start of the hub',
    'member',
  );
  const handshake = set.gauge(
    metricName('member_last_handshake_timestamp_seconds'),
    'When WireGuard last agreed on new keys with a member',
    'member',
  );
  const way = set.gauge(
    metricName('member_way'),
    'By which way a member speaks: 1 for that of now, 0 for the others',
    ...(['member', 'way'] as const),
  );
  const pathMtu = set.gauge(
    metricName('member_path_mtu_bytes'),
    'The largest packet that passes on the way to a member, if it is less than the tunnel has',
    'member',
  );
  const received = set.counter(
    metricName('member_receive_bytes_total'),
    'Bytes that WireGuard has received from a member',
    'member',
  );
  const sent = set.counter(
    metricName('member_transmit_bytes_total'),
    'Bytes that WireGuard has sent to a member',
    'member',
  );
  const dropped = set.counter(
    metricName('dropped_packets_total'),
    'Packets and frames of members that a rule of the hub has dropped',
    'rule',
  );
  const broadcasts = set.counter(
    metricName('member_dropped_broadcasts_total'),
    'Frames to everybody that were above the limit of a member',
    'member',
  );
  const connections = set.gauge(
    metricName('tls_connections'),
    'Connections to the TCP port of the hub',
  );
  return ({ contents, peers, drops }) => {
    const live = contents.members.filter(isLive);
    const used = new Set(contents.members.map(({ inviteId }) => inviteId));
    const invited = contents.invites.filter(
      ({ id, expiresAt }) => !used.has(id) && expiresAt > deps.now(),
    );
    members.set({ state: 'member' }, live.filter(({ phase }) => phase === 'member').length);
    members.set({ state: 'held' }, live.filter(({ phase }) => phase === 'held').length);
    members.set({ state: 'invited' }, invited.length);
    connections.set(deps.connections());
    const ages = deps.ages();
    for (const { name: member, publicKey, pathMtu: mtu } of live) {
      const peer = peers.get(publicKey);
      const ms = ages.get(member);
      if (ms !== undefined) age.set({ member }, ms / 1000);
      if (peer?.handshakeAt !== undefined) handshake.set({ member }, peer.handshakeAt / 1000);
      if (mtu !== undefined) pathMtu.set({ member }, mtu);
      const is = peer?.endpoint === undefined ? undefined : wayOf(deps.whence(peer.endpoint));
      setOneOf(way, WAYS, is, (word) => ({ member, way: word }));
    }
    const each = (value: (member: (typeof live)[number]) => number) =>
      live.map((member) => [{ member: member.name }, value(member)] as const);
    setCounter(
      received,
      each(({ publicKey }) => peers.get(publicKey)?.rxBytes ?? 0),
    );
    setCounter(
      sent,
      each(({ publicKey }) => peers.get(publicKey)?.txBytes ?? 0),
    );
    setCounter(
      broadcasts,
      each(({ number }) => drops.get(`broadcast_${number}`) ?? 0),
    );
    setCounter(
      dropped,
      DROPS.map((rule) => [{ rule }, drops.get(rule) ?? 0] as const),
    );
  };
}

function wayOf(whence: string): (typeof WAYS)[number] {
  if (whence === 'ssh') return 'ssh';
  return whence.startsWith('tls ') ? 'tls' : 'udp';
}
