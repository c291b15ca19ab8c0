/**
 * Section E, the firewall: somebody flushes it while a container is pinged a hundred times a
 * second. Engine 28.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  attachment,
  docker,
  firewallReaches,
  lab,
  networkCommand,
  removeAllContainersAndNetworks,
  run,
  startOnFirewall,
  until,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';
import { outcome, recordOutcomes, type Outcome } from '../support/lab/outcomes.ts';

recordOutcomes();

const PING_INTERVAL_MS = 10;
const CROWD_MS = 100;

const sysctl = (name: string, value: number) => run('sysctl', ['-qw', `${name}=${value}`]);
const iptables = async (backend: string, ...words: string[]): Promise<string> => {
  const { status, stdout, stderr } = await run(`iptables-${backend}`, ['-w', ...words]);
  if (status !== 0) throw new Error(`iptables-${backend} ${words.join(' ')}: ${stderr}`);
  return stdout;
};
/** Our rules, each with the program that lists it. */
const ourRules = async (): Promise<string[]> => {
  const programs = ['iptables', 'ip6tables'].flatMap((name) => [`${name}-nft`, `${name}-legacy`]);
  const lists = programs.map(async (program) =>
    (await run(program, ['-w', '-S'])).stdout
      .split('\n')
      .filter((line) => / vlandhcp /.test(line))
      .map((line) => `${program} ${line}`),
  );
  return (await Promise.all(lists)).flat();
};
/** How many of our rules exist twice. */
const surplusRules = async (): Promise<number> => {
  const rules = await ourRules();
  return rules.length - new Set(rules).size;
};

let address = '';
let row: Outcome;

site({
  server: ['dnsmasq-no-ping', '500'],
  engine: ['--live-restore'],
  clearsAfterEach: false,
});
beforeAll(async () => {
  await run('modprobe', ['br_netfilter']);
  await docker(...networkCommand('fw500'));
  await docker('run', '-d', '--name', 'box', '--net=fw500', 'bb');
  address = (await attachment('box', 'fw500')).address;
});
afterAll(async () => {
  await removeAllContainersAndNetworks();
  expect(await ourRules()).toEqual([]);
});

/**
 * Pings the container a hundred times a second, and returns the longest time between two answers.
 */
function watchTraffic() {
  const interval = String(PING_INTERVAL_MS / 1000);
  const ping = startOnFirewall('stdbuf', '-oL', 'ping', '-D', '-i', interval, '-W', '1', address);
  const answers = () =>
    [...ping.printed().matchAll(/^\[(\d+\.\d+)\] .* icmp_seq=\d+ ttl/gm)].map(
      ([, seconds]) => Number(seconds) * 1000,
    );
  const more = async (): Promise<void> => {
    const { length } = answers();
    await until('ten more pings are answered', () => answers().length >= length + 10);
  };
  return {
    more,
    async stop(): Promise<number> {
      await ping.stop('SIGINT');
      const times = answers();
      return Math.round(Math.max(...times.slice(1).map((time, index) => time - times[index]!)));
    },
  };
}

/** Watches the traffic while `disturb` runs. Then starts another container. */
async function mended(disturb: () => Promise<unknown>, isCut = true): Promise<void> {
  await until('traffic passes before', () => firewallReaches(address));
  const traffic = watchTraffic();
  await traffic.more();
  await disturb();
  await traffic.more();
  await traffic.more(); // the first answers may have been on their way
  row.mendMs = await traffic.stop();
  const { status, stderr } = await run('docker', ['run', '--rm', '--net=fw500', 'bb', 'true']);
  expect([status, stderr]).toEqual([0, '']);
  row.seen = `${row.mendMs} ms without traffic; the next container starts`;
  // The plugin waits until a crowd of changes ends, so a gap of a few pings means that nothing was
  // cut. The last answer before the cut may have come late.
  if (isCut) expect(row.mendMs).toBeGreaterThanOrEqual(CROWD_MS - 3 * PING_INTERVAL_MS);
  row.leftovers = await surplusRules();
  expect(row.leftovers).toBe(0);
}

describe('bridged frames pass iptables, and its policy is DROP', () => {
  beforeEach(async () => {
    await sysctl('net.bridge.bridge-nf-call-iptables', 1);
    await iptables('nft', '-P', 'FORWARD', 'DROP');
  });

  it('without our rules nothing passes: the rules are what the other tests are about', async () => {
    await lab('service-down');
    await iptables('nft', '-F', 'FORWARD');
    expect(await firewallReaches(address)).toBe(false);
    row = outcome('E', 'FORWARD flushed while the plugin is down, plugin started');
    const started = performance.now();
    await lab('service-up');
    await until('traffic passes again', () => firewallReaches(address));
    row.mendMs = Math.round(performance.now() - started);
    row.seen = 'traffic passes again';
    row.leftovers = await surplusRules();
    expect(row.leftovers).toBe(0);
  });

  it('iptables -F; iptables -X, the policy kept', async () => {
    row = outcome('E', 'iptables -F; iptables -X (policy DROP kept)');
    await mended(async () => {
      await iptables('nft', '-F');
      await iptables('nft', '-X');
    });
  });

  it('a reload that flushes and restores without the chains of Docker', async () => {
    row = outcome('E', 'firewall reload: flush, FORWARD restored without Docker (policy DROP)');
    await mended(async () => {
      const rules =
        '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n';
      await run('sh', ['-c', `printf '${rules.replaceAll('\n', '\\n')}' | iptables-nft-restore`]);
    });
    expect((await ourRules()).some((rule) => rule.includes(' -A FORWARD '))).toBe(true);
  });

  it('nft flush ruleset, dockerd restarted', async () => {
    row = outcome('E', 'nft flush ruleset; dockerd restarted (policy DROP)');
    await mended(async () => {
      await run('nft', ['flush', 'ruleset']);
      await lab('engine-down');
      await lab('engine-up', '--live-restore');
      await iptables('nft', '-P', 'FORWARD', 'DROP');
    }, false); // a flush of the rules removes the policy, too
    const seen = await ourRules();
    expect(seen.filter((rule) => rule.includes(' -A DOCKER-USER ')).length).toBeGreaterThan(0);
  });

  it('the policy set to DROP later', async () => {
    await iptables('nft', '-P', 'FORWARD', 'ACCEPT');
    // A look that began before the flush may put a rule of ours back.
    const isBare = async () => {
      await run('nft', ['flush', 'ruleset']);
      await firewallReaches(address);
      return (await ourRules()).length === 0;
    };
    await until('no rule of ours is left', isBare);
    row = outcome('E', 'FORWARD policy set to DROP on a host without DOCKER-USER');
    await mended(() => iptables('nft', '-P', 'FORWARD', 'DROP'));
    await iptables('nft', '-P', 'FORWARD', 'ACCEPT');
  });
});

describe('the same in legacy tables, of which the kernel tells nothing', () => {
  beforeEach(() => run('nft', ['flush', 'ruleset']));
  afterEach(async () => {
    await iptables('legacy', '-P', 'FORWARD', 'ACCEPT');
  });

  it('iptables-legacy -F; -X, the policy kept', async () => {
    await iptables('legacy', '-P', 'FORWARD', 'DROP');
    row = outcome('E', 'iptables-legacy -F; -X (policy DROP kept)');
    await mended(async () => {
      await iptables('legacy', '-F');
      await iptables('legacy', '-X');
    });
  });
});
