/**
 * The metrics of a plugin with real leases, as Prometheus reads them from the HTTP port, and the
 * alerts and the dashboard of `examples/prometheus`, judged by Prometheus' own promtool.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ip, until } from '../../support/lab/netns.ts';
import { recordOutcomes } from '../../support/lab/outcomes.ts';
import { PluginSite, type Container } from '../../support/lab/plugin-site.ts';
import { root } from '../../support/pages/readme.ts';

recordOutcomes();

const PORT = 9325;
const RULES = join(root, 'examples/prometheus/alerts.yaml');
const DASHBOARD = join(root, 'examples/prometheus/grafana.json');

let site: PluginSite;
let containers: readonly Container[];
let network: string;
/** With three leases, of which each was renewed, and a call of Docker that failed. */
let text: string;

function promtool(args: readonly string[], input?: string): string {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, {
    encoding: 'utf8',
    ...(input !== undefined && { input }),
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`promtool ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout + stderr;
}

function scrape(): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`http://127.0.0.1:${PORT}/metrics`, (response) => {
      let told = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (told += chunk));
      response.on('end', () => resolve(told));
    }).on('error', reject);
  });
}

/** The sum of all samples of that name with that label. */
function sum(metrics: string, name: string, label = ''): number {
  return metrics
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => line.includes(label))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

beforeAll(async () => {
  process.env['HTTP_LISTEN'] = `127.0.0.1:${PORT}`;
  try {
    site = await PluginSite.start();
  } finally {
    delete process.env['HTTP_LISTEN'];
  }
  ip('link set lo up');
  site.plug('eth1');
  network = await site.network({ parent: 'eth1', vlan: '500' });
  containers = await site.containers(network, 3);
  await site.allRenew(containers);
  await site.plugin.tryCall('NetworkDriver.CreateEndpoint', { NetworkID: 'none' });
  text = await scrape();
}, 240_000);
afterAll(() => site.dispose());

describe('the metrics of a plugin with three leases', () => {
  it('have its leases, answers and calls', () => {
    const segment = 'segment="VLAN 500 of eth1"';
    expect(sum(text, 'vlandhcp_leases', `${segment},state="leased"`)).toBe(3);
    expect(sum(text, 'vlandhcp_lease_acquire_seconds_count', segment)).toBe(3);
    expect(sum(text, 'vlandhcp_dhcp_answer_seconds_count', segment)).toBeGreaterThanOrEqual(6);
    expect(sum(text, 'vlandhcp_docker_call_seconds_count', 'CreateEndpoint')).toBe(4);
    expect(sum(text, 'vlandhcp_docker_call_errors_total', 'CreateEndpoint')).toBe(1);
    const last = sum(text, 'vlandhcp_dhcp_server_last_answer_timestamp_seconds', '10.50.0.1');
    expect(Math.abs(Date.now() / 1000 - last)).toBeLessThan(600);
  });

  it('have nothing of Prometheus against them', () => {
    expect(promtool(['check', 'metrics'], text)).toBe('');
  });

  it('are as many for three containers as for one, because no label names a container', async () => {
    const series = (metrics: string) => metrics.split('\n').filter((l) => /^\w+\{/.test(l)).length;
    const [, , third] = containers;
    await site.plugin.call('NetworkDriver.Leave', { NetworkID: network, EndpointID: third?.id });
    const one = { NetworkID: network, EndpointID: third?.id };
    await site.plugin.call('NetworkDriver.DeleteEndpoint', one);
    const former = ['NetworkDriver.Leave', 'NetworkDriver.DeleteEndpoint'];
    const ofCalls = (metrics: string) =>
      metrics.split('\n').filter((line) => former.some((call) => line.includes(`"${call}"`)))
        .length;
    const now = await scrape();
    // One more state, `held`, and none of the container itself.
    expect(series(now) - ofCalls(now)).toBeLessThanOrEqual(series(text) + 1);
  });
});

describe('examples/prometheus', () => {
  const named = (file: string) => [
    ...new Set(readFileSync(file, 'utf8').match(/\b(?:vlandhcp|process|nodejs)_[a-z_]*[a-z]\b/g)),
  ];

  it.each([RULES, DASHBOARD])('%s names only metrics that the plugin has', (file) => {
    const has = new Set(
      text
        .split('\n')
        .filter((line) => !line.startsWith('#'))
        .map((line) => line.split(/[{ ]/)[0]),
    );
    // Series that begin with what did not happen here.
    const later = ['vlandhcp_dhcp_ignored_messages_total'];
    expect(named(file).length).toBeGreaterThan(5);
    expect(named(file).filter((name) => !has.has(name) && !later.includes(name))).toEqual([]);
    for (const name of later) expect(text).toContain(`# TYPE ${name} counter`);
  });

  it('alerts.yaml is right, and each alert fires when it should and not before', () => {
    promtool(['check', 'rules', '--lint-fatal', RULES]);
    const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-alerts-'));
    try {
      const tests = readFileSync(join(root, 'test/fixtures/alerts.test.yaml'), 'utf8');
      const file = join(folder, 'test.yaml');
      writeFileSync(file, tests.replace('[RULES]', `[${RULES}]`));
      promtool(['test', 'rules', file]);
      const alerts = readFileSync(RULES, 'utf8').match(/(?<=- alert: )\w+/g) ?? [];
      expect(alerts).toHaveLength(6);
      const fired = tests.split('exp_alerts').length - 1;
      expect(fired).toBeGreaterThanOrEqual(alerts.length);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('each query of the dashboard is one that Prometheus can read', () => {
    const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    const rules = panels.flatMap(({ targets }) =>
      targets.map(({ expr }, at) => ({
        record: `checked:panel${at}`,
        expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'),
      })),
    );
    expect(rules.length).toBeGreaterThan(panels.length);
    const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-dashboard-'));
    try {
      const file = join(folder, 'rules.yaml');
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
      promtool(['check', 'rules', '--lint=none', file]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

it('a silent server shows as repetitions and as a renewal that waits', async () => {
  const before = sum(text, 'vlandhcp_dhcp_retransmissions_total');
  site.setPort('eth1', 'down');
  let now = '';
  let isAsking = false;
  const isSeen = (): boolean => {
    if (!isAsking) {
      isAsking = true;
      scrape().then(
        (told) => ((now = told), (isAsking = false)),
        (error: unknown) => (now = String(error)), // and no more is asked: the test ends by time
      );
    }
    return (
      sum(now, 'vlandhcp_dhcp_retransmissions_total') > before &&
      sum(now, 'vlandhcp_renewal_unanswered_seconds') > 0
    );
  };
  await until('Prometheus sees the silence', isSeen, 120_000);
  expect(sum(now, 'vlandhcp_leases', 'state="re')).toBeGreaterThan(0); // renewing or rebinding
}, 180_000);
