import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// `unit` needs nothing. `long` only needs more time. `kernel` needs root and network
// namespaces. `e2e` needs a machine that may be broken afterwards (scripts/test runs both inside
// the lab).
export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          // The tests share only modules without state. A process for each would cost twice the
          // time.
          isolate: false,
          // Vitest leaves one core free. Of two cores that would be half.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          // A tenth of a worker's time went into collecting garbage that a larger nursery spares.
          execArgv: ['--max-semi-space-size=64', '--min-semi-space-size=16'],
          // No test waits, but a busy machine computes for longer.
          testTimeout: 60_000,
          expect: { poll: { interval: 2, timeout: 30_000 } },
          include: [
            'test/unit/**/*.test.ts',
            'test/sim/**/*.test.ts',
            'test/contract/**/*.test.ts',
            'test/architecture.test.ts',
            'test/checklist.test.ts',
          ],
          exclude: ['test/**/*.long.test.ts'],
        },
      },
      {
        test: {
          // Each starts programs of scripts/, and npm: half a minute and more on two cores.
          name: 'scripts',
          include: ['test/scripts/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/**/*.long.test.ts'],
          // In scripts/test they get the time that lab machines leave.
          testTimeout: 900_000,
        },
      },
      {
        test: {
          // A browser on this machine, and a server on its loopback.
          name: 'page',
          include: ['test/page/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          // What depends on the engine. Refusals and the package's life are the same on all.
          name: 'e2e',
          include: [
            'test/e2e/main-job.test.ts',
            'test/e2e/recovery.test.ts',
            'test/e2e/bad-days.test.ts',
            'test/e2e/addressing-modes.test.ts',
            'test/e2e/modes-diagonal.test.ts',
            'test/e2e/ipv6.test.ts',
            'test/e2e/ipv6-only.test.ts',
            'test/e2e/ipv6-acceptance.test.ts',
            'test/e2e/ipv6-acceptance-days.test.ts',
            'test/e2e/dns.test.ts',
          ],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          // All tests of e2e. What does not depend on the engine is tested only here.
          name: 'e2e-lan',
          include: ['test/e2e/**/*.test.ts', 'test/lan/**/*.test.ts'],
          // This engine runs the whole matrix.
          exclude: ['test/e2e/modes-diagonal.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'ipam',
          include: [
            'test/ipam/**/*.test.ts',
            'test/e2e/addressing-modes.test.ts',
            'test/e2e/modes-diagonal.test.ts',
            'test/e2e/ipv6.test.ts',
            'test/e2e/ipv6-acceptance.test.ts',
            'test/e2e/ipv6-acceptance-days.test.ts',
          ],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'hostile',
          include: ['test/hostile/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'recovery',
          include: ['test/recovery/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          // Two engines on the one core of a lab machine.
          name: 'swarm',
          include: ['test/swarm/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
