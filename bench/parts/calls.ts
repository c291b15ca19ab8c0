/**
 * Part `calls`: the time that the plugin itself needs for each of the four calls in a container's
 * life. It runs one container at a time, without Docker, with the state on a disk. It is quick to
 * repeat, so it helps to make a call faster. BENCH_PRELOAD names a script that the plugin's node
 * loads first, such as a profiler.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  attach,
  createNetwork,
  detach,
  ipBatch,
  makeDockerChains,
  NODE_OPTION,
  startPlugin,
} from '../site/driver.ts';
import { rounds } from '../options.ts';
import { OPEN, setFirewall } from '../site/firewall.ts';
import { SELF, start } from '../site/process.ts';
import { PartReport } from '../figures/result.ts';

const SANDBOX = 'box';
/**
 * Meanwhile the program in the container would run. The lease socket enters the sandbox, and the
 * address is probed.
 */
const RUNS_MS = 600;

export async function calls(): Promise<void> {
  const report = new PartReport({
    part: 'calls',
    where: 'host kernel, private namespaces, state on disk, no Docker',
    method: `the plugin's process, called as dockerd does, one container at a time, each for ${RUNS_MS} ms; fast responder`,
  });
  execFileSync('ip', ['netns', 'add', 'far']);
  execFileSync('ip', ['netns', 'add', SANDBOX]);
  ipBatch(['link add up0 type veth peer name far0 netns far', 'link set up0 up']);
  ipBatch(['link set far0 up'], 'far');
  setFirewall(OPEN); // FORWARD has no jump to the chains made here
  makeDockerChains();
  const state = join(process.env['LAB_SHARE'] ?? '', 'state'); // on a disk; /var/lib/vlandhcp is in memory
  mkdirSync(state, { recursive: true });
  const server = start([
    'ip',
    'netns',
    'exec',
    'far',
    ...SELF,
    'responder',
    '3600',
    '-',
    'far0=10.100',
  ]);
  try {
    await server.said('ready');
    const preload = process.env['BENCH_PRELOAD'];
    const { plugin } = await startPlugin({ STATE_DIR: state }, [
      process.execPath,
      NODE_OPTION,
      ...(preload === undefined ? [] : ['--require', preload]),
      'dist/vlandhcp.cjs',
    ]);
    try {
      const network = await createNetwork('up0');
      for (let round = -5; round < rounds(50); round += 1) {
        const { joined, createMs, joinMs } = await attach(network, `/run/netns/${SANDBOX}`);
        ipBatch([`link set ${joined.link} netns ${SANDBOX}`]);
        ipBatch(
          [`address add ${joined.address} dev ${joined.link}`, `link set ${joined.link} up`],
          SANDBOX,
        );
        await delay(RUNS_MS);
        const { leaveMs, deleteMs } = await detach(joined, SANDBOX);
        if (round < 0) continue; // warming up
        report.sample('CreateEndpoint', 'ms', createMs);
        report.sample('Join', 'ms', joinMs);
        report.sample('Leave', 'ms', leaveMs);
        report.sample('DeleteEndpoint', 'ms', deleteMs);
        report.sample('all four', 'ms', createMs + joinMs + leaveMs + deleteMs);
      }
    } finally {
      await plugin.stop();
    }
  } finally {
    report.write();
    await server.stop();
    rmSync(state, { recursive: true, force: true });
  }
}
