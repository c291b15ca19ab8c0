/**
 * The process itself. The library's own metrics of processes wake the process up 100 times a second
 * to measure how late its timers are. These cost nothing until Prometheus asks.
 */
import { performance, type EventLoopUtilization } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';

export class ProcessMetrics {
  readonly #cpu: Counter;
  readonly #resident: Gauge;
  readonly #heap: Gauge;
  readonly #lag: Gauge;
  readonly #utilization: Gauge;
  #before: EventLoopUtilization = performance.eventLoopUtilization();
  #cpuBefore = 0;

  /** @param whose for the texts: `plugin`. */
  constructor(registry: Registry, version: string, whose: string) {
    const registers = [registry];
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
    this.#cpu = new Counter({
      name: 'process_cpu_seconds_total',
      help: `Processor time of the ${whose}`,
      registers,
    });
    this.#resident = gauge('process_resident_memory_bytes', `Memory of the ${whose}`);
    this.#heap = gauge('nodejs_heap_size_used_bytes', 'Memory of its objects');
    this.#lag = gauge('nodejs_eventloop_lag_seconds', `How late the ${whose} did what was due now`);
    this.#utilization = gauge(
      'nodejs_eventloop_utilization_ratio',
      `Share of the time since the last look in which the ${whose} was busy`,
    );
    gauge('process_start_time_seconds', `When the ${whose} started`).set(
      Math.round(performance.timeOrigin / 1000),
    );
    new Gauge({
      name: 'vlandhcp_build_info',
      help: `Version of the ${whose} and of Node`,
      labelNames: ['version', 'node'],
      registers,
    }).set({ version, node: process.version }, 1);
  }

  async take(): Promise<void> {
    const { user, system } = process.cpuUsage();
    const cpu = (user + system) / 1_000_000;
    this.#cpu.inc(Math.max(0, cpu - this.#cpuBefore));
    this.#cpuBefore = cpu;
    const { rss, heapUsed } = process.memoryUsage();
    this.#resident.set(rss);
    this.#heap.set(heapUsed);
    const now = performance.eventLoopUtilization();
    this.#utilization.set(performance.eventLoopUtilization(now, this.#before).utilization);
    this.#before = now;
    const asked = performance.now();
    await new Promise((resolve) => setImmediate(resolve));
    this.#lag.set((performance.now() - asked) / 1000);
  }
}
