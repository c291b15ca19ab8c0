/**
 * Part `footprint`: the size and content of the managed plugin's folder as scripts/build-rootfs
 * makes it; the time from the start of its own node to the first answer; its memory when it has
 * nothing to do.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { NODE_OPTION, startPlugin } from '../site/driver.ts';
import { rounds } from '../options.ts';
import { memoryOf } from '../site/process.ts';
import { atMost, held, PartReport } from '../figures/result.ts';
import { median } from '../figures/statistics.ts';

const ROOT = 'build/plugin/rootfs';
const LARGEST = 12;
const AT_REST_AFTER_MS = 2000;

export async function footprint(): Promise<void> {
  const report = new PartReport({
    part: 'footprint',
    where: 'host kernel; the plugin folder build/plugin, its own node by chroot',
    method:
      'size: apparent bytes; start: from exec to the first answer on the socket, files in the page cache',
  });
  try {
    size(report);
    for (const folder of ['proc', 'run', 'state'])
      mkdirSync(`${ROOT}/${folder}`, { recursive: true });
    // The mounts are private to this machine. So the folder itself does not change.
    for (const folder of ['run', 'state', 'tmp'])
      mount('-t', 'tmpfs', 'tmpfs', `${ROOT}/${folder}`);
    mount('--rbind', '/proc', `${ROOT}/proc`);
    mount('--rbind', '/sys', `${ROOT}/sys`);
    mount('--rbind', '/dev', `${ROOT}/dev`);
    const command = ['chroot', ROOT, '/usr/bin/node', NODE_OPTION, '/app/vlandhcp.cjs'];
    const env = { STATE_DIR: '/state', SOCKET: '/run/vlandhcp.sock', NODE_ENV: 'production' };
    for (let round = -1; round < rounds(15); round += 1) {
      const { plugin, firstAnswerMs } = await startPlugin(
        env,
        command,
        `${ROOT}/run/vlandhcp.sock`,
      );
      await delay(AT_REST_AFTER_MS);
      const { rss, pss, own } = memoryOf(plugin.pid);
      await plugin.stop();
      if (round < 0) continue;
      report.sample('start to first answer', 'ms', firstAnswerMs);
      report.sample('resident memory at rest', 'MB', rss);
      report.sample('proportional memory at rest', 'MB', pss);
      report.sample('memory at rest that no file backs', 'MB', own);
    }
    const start = median(report.samples('start to first answer'));
    report.fact('start-up', start, 'ms', held(start, atMost(400, ' ms')));
  } finally {
    report.write();
  }
}

function size(report: PartReport): void {
  const files = execFileSync('find', [ROOT, '-xdev', '-type', 'f', '-printf', '%s %P\n'], {
    encoding: 'utf8',
  })
    .trim()
    .split('\n')
    .map((line) => ({ bytes: Number(line.split(' ')[0]), path: line.slice(line.indexOf(' ') + 1) }))
    .sort((a, b) => b.bytes - a.bytes);
  const mb = (some: readonly { bytes: number }[]) =>
    some.reduce((sum, { bytes }) => sum + bytes, 0) / 2 ** 20;
  const total = mb(files);
  report.fact('rootfs unpacked', total, 'MB', held(total, atMost(120, ' MB')));
  for (const file of files.slice(0, LARGEST)) report.fact(`  ${file.path}`, mb([file]), 'MB');
  report.fact(`  ${files.length - LARGEST} more files`, mb(files.slice(LARGEST)), 'MB');
}

function mount(...args: string[]): void {
  execFileSync('mount', args);
}
