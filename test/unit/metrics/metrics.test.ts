/**
 * Metrics of made-up events and leases. test/kernel/leases/metrics.test.ts has those of a real
 * plugin.
 */
import { expect, it } from 'vitest';
import { EventBus } from '../../../plugin/events/event-bus.ts';
import { createMetrics } from '../../../plugin/metrics/metrics.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { networkEntry, NETWORK_ID } from '../../support/fakes/lease-entries.ts';
import { table } from '../../support/pages/readme.ts';

const NOW = Date.UTC(2026, 10, 29, 3);
const OF_LEASE = { endpoint: 'e1', network: 'n1', segment: 'VLAN 500 of eth1', mac: '02:00:00:00:00:01' }; // prettier-ignore
const LEASE = { ...OF_LEASE, family: 4, address: '10.50.0.23', server: '10.50.0.1' } as const;
const DUID = '0001000123';
const LEASE6 = { ...OF_LEASE, family: 6, address: '2001:db8:500::10', server: DUID } as const;

function made(networks = [networkEntry()]) {
  const clock = new FakeClock({ wall: NOW });
  const bus = new EventBus(clock, 100);
  const operator = { networks: () => networks };
  let isStarted = true;
  const metrics = createMetrics({
    ...{ bus, wall: () => clock.wall(), version: '1.2.3' },
    operator: () => (isStarted ? operator : undefined),
  });
  const samples = async () =>
    (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const of = async (name: string) => (await samples()).filter((line) => line.startsWith(name));
  return {
    bus,
    of,
    networks,
    text: () => metrics.text(),
    samples,
    stop: () => (isStarted = false),
  };
}

it('leases by network and state, as they are when somebody asks', async () => {
  const { of, networks } = made([networkEntry({ leases: { leased: 2, 'no lease': 1 } })]);
  const place = `network="${NETWORK_ID.slice(0, 12)}",segment="VLAN 500 of eth1"`;
  expect(await of('vlandhcp_leases{')).toEqual([
    `vlandhcp_leases{${place},state="leased"} 2`,
    `vlandhcp_leases{${place},state="no lease"} 1`,
  ]);
  networks[0] = networkEntry();
  expect(await of('vlandhcp_leases{')).toEqual([`vlandhcp_leases{${place},state="leased"} 0`]);
  networks.length = 0;
  expect(await of('vlandhcp_leases{')).toEqual([]);
});

it('the oldest renewal without an answer, and conflicts', async () => {
  const { of, networks } = made();
  const values = async (name: string) => (await of(name)).map((line) => line.split('} ')[1]);
  expect(await values('vlandhcp_renewal_unanswered_seconds')).toEqual(['0']);
  const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();
  networks[0] = networkEntry({ waitingSince: ago(90), conflicts: 1 });
  expect(await values('vlandhcp_renewal_unanswered_seconds')).toEqual(['90']);
  expect(await values('vlandhcp_leases_in_conflict')).toEqual(['1']);
  networks[0] = networkEntry({ waitingSince: 'unknown' });
  expect(await values('vlandhcp_renewal_unanswered_seconds')).toEqual(['0']);
});

it('what happened is counted by segment', async () => {
  const { bus, of } = made();
  bus.emit({ type: 'lease.acquired', ...LEASE, tookMs: 40, answerMs: 3 });
  bus.emit({ type: 'lease.renewed', ...LEASE, answerMs: 700 });
  bus.emit({ type: 'lease.acquired', ...LEASE }); // taken over: nobody was asked
  bus.emit({ type: 'lease.acquired', ...LEASE6, tookMs: 300, answerMs: 3 });
  bus.emit({ type: 'lease.lost', ...LEASE, cause: 'expired' });
  bus.emit({ type: 'server.refused', ...OF_LEASE, server: '10.50.0.2', text: undefined });
  bus.emit({ type: 'address.conflict', ...OF_LEASE, address: '10.50.0.23', by: 'x' });
  bus.emit({ type: 'request.repeated', ...OF_LEASE, family: 4, message: 'DISCOVER' });
  bus.emit({ type: 'request.repeated', ...OF_LEASE, family: 4, message: 'REQUEST' });
  bus.emit({ type: 'request.repeated', ...OF_LEASE, family: 6, message: 'SOLICIT' });
  bus.emit({ type: 'message.ignored', ...OF_LEASE, family: 4, reason: 'xid-mismatch' });
  bus.emit({ type: 'store.failed', what: 'save', kind: 'leases' });
  bus.emit({ type: 'trouble', level: 'warn', message: 'm', fields: {} });
  bus.emit({ type: 'call.finished', call: 'NetworkDriver.Join', ms: 12 });
  bus.emit({ type: 'call.finished', call: 'NetworkDriver.Join', ms: 12, error: 'no lease' });
  const segment = 'segment="VLAN 500 of eth1"';
  const [of4, of6] = [`${segment},family="4"`, `${segment},family="6"`];
  expect(await of('vlandhcp_lease_acquire_seconds_')).toEqual(
    expect.arrayContaining([
      `vlandhcp_lease_acquire_seconds_bucket{le="0.01",${of4}} 0`,
      `vlandhcp_lease_acquire_seconds_bucket{le="0.05",${of4}} 1`,
      `vlandhcp_lease_acquire_seconds_count{${of4}} 1`,
      `vlandhcp_lease_acquire_seconds_count{${of6}} 1`,
    ]),
  );
  expect(await of('vlandhcp_dhcp_answer_seconds_count')).toEqual([
    `vlandhcp_dhcp_answer_seconds_count{${of4}} 2`,
    `vlandhcp_dhcp_answer_seconds_count{${of6}} 1`,
  ]);
  expect(await of('vlandhcp_dhcp_server_last')).toEqual([
    `vlandhcp_dhcp_server_last_answer_timestamp_seconds{${segment},server="10.50.0.1"} ${NOW / 1000}`,
    `vlandhcp_dhcp_server_last_answer_timestamp_seconds{${segment},server="${DUID}"} ${NOW / 1000}`,
    `vlandhcp_dhcp_server_last_answer_timestamp_seconds{${segment},server="10.50.0.2"} ${NOW / 1000}`,
  ]);
  expect(await of('vlandhcp_leases_lost')).toContain(
    `vlandhcp_leases_lost_total{${segment},cause="nak"} 0`,
  );
  const counters = [
    ...['vlandhcp_leases_lost', 'vlandhcp_dhcp_naks', 'vlandhcp_address_conflicts'],
    ...['vlandhcp_dhcp_retransmissions', 'vlandhcp_dhcp_ignored', 'vlandhcp_store_errors'],
    ...['vlandhcp_docker_call_errors', 'vlandhcp_docker_call_seconds_count'],
  ];
  const happened = (line: string) => !line.endsWith(' 0');
  expect((await Promise.all(counters.map(of))).flat().filter(happened)).toEqual([
    `vlandhcp_leases_lost_total{${segment},cause="expired"} 1`,
    `vlandhcp_dhcp_naks_total{${segment}} 1`,
    `vlandhcp_address_conflicts_total{${segment}} 1`,
    `vlandhcp_dhcp_retransmissions_total{${of4}} 2`,
    `vlandhcp_dhcp_retransmissions_total{${of6}} 1`,
    `vlandhcp_dhcp_ignored_messages_total{${of4},reason="xid-mismatch"} 1`,
    'vlandhcp_store_errors_total 1',
    'vlandhcp_docker_call_errors_total{call="NetworkDriver.Join"} 1',
    'vlandhcp_docker_call_seconds_count{call="NetworkDriver.Join"} 2',
  ]);
});

it('series of a network begin with 0, because Prometheus does not see the growth of one that begins with 1', async () => {
  const { of, networks } = made();
  const segment = 'segment="VLAN 500 of eth1"';
  for (const name of ['address_conflicts_total', 'dhcp_naks_total']) {
    expect(await of(`vlandhcp_${name}`)).toEqual([`vlandhcp_${name}{${segment}} 0`]);
  }
  const repeated = 'vlandhcp_dhcp_retransmissions_total';
  expect(await of(repeated)).toEqual([`${repeated}{${segment},family="4"} 0`]);
  expect(await of('vlandhcp_dhcp_answer_seconds_count')).toHaveLength(1);
  networks[0] = networkEntry({ families: [4, 6] });
  expect(await of('vlandhcp_dhcp_answer_seconds_count')).toHaveLength(2);
  expect(await of(repeated)).toContain(`${repeated}{${segment},family="6"} 0`);
});

it('there are the process and the version before the plugin has started', async () => {
  const { samples, stop } = made();
  stop();
  const text = (await samples()).join('\n');
  expect(text).toMatch(/^vlandhcp_build_info\{version="1\.2\.3",node="v[\d.]+"\} 1$/m);
  expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
  expect(text).toMatch(/^process_cpu_seconds_total [\d.]+$/m);
  expect(text).toMatch(/^nodejs_eventloop_lag_seconds [\d.e-]+$/m);
});

it('hosts that answer as ever more servers, and paths that nobody has, cost a limited number of series', async () => {
  const { bus, of } = made();
  for (let host = 0; host < 1000; host += 1) {
    const server = `10.50.${host >> 8}.${host & 255}`;
    bus.emit({ type: 'lease.renewed', ...LEASE, server, answerMs: 1 });
    bus.emit({ type: 'call.finished', call: `NetworkDriver.X${'x'.repeat(host % 60)}`, ms: 1 });
    bus.emit({ type: 'call.finished', call: `made/up"${host}`, ms: 1 });
  }
  const servers = await of('vlandhcp_dhcp_server_last');
  expect(servers).toHaveLength(256);
  expect(servers.at(-1)).toContain('server="10.50.3.231"');
  expect((await of('vlandhcp_docker_call_seconds_count')).length).toBeLessThanOrEqual(41);
});

it('docs/metrics.md has each metric with its labels and the text that Prometheus shows, and no other', async () => {
  const { bus, text } = made();
  bus.emit({ type: 'lease.lost', ...LEASE, cause: 'expired' });
  bus.emit({ type: 'message.ignored', ...OF_LEASE, family: 4, reason: 'xid-mismatch' });
  bus.emit({ type: 'server.refused', ...OF_LEASE, server: '10.50.0.2', text: undefined });
  bus.emit({ type: 'call.finished', call: 'NetworkDriver.Join', ms: 12, error: 'no lease' });
  const lines = (await text()).split('\n');
  const labelsOf = (name: string) => {
    const sample = lines.find((line) => new RegExp(`^${name}(_count)?\\{`).test(line)) ?? '';
    return [...sample.matchAll(/(\w+)="/g)].map(([, label = '']) => label);
  };
  const told = lines
    .flatMap((line) => [/^# HELP (\w+) (.*)$/.exec(line)])
    .flatMap((found) => (found === null ? [] : [[found[1] ?? '', found[2] ?? ''] as const]))
    .map(([name, help]) => [`\`${name}\``, labelsOf(name).join(', '), `${help}.`]);
  expect(table('Metrics').sort()).toEqual(told.sort());
});
