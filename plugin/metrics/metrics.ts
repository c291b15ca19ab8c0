/**
 * Metrics for Prometheus. What happens is counted when it happens. What is the case is looked up
 * when somebody asks. No label names a container: 200 hosts with 200 containers each would be more
 * series than a Prometheus of usual size takes.
 */
import { Registry } from 'prom-client';
import type { EventBus } from '../events/event-bus.ts';
import type { NetworkEntry } from '../state/status/network-list.ts';
import type { WallTime } from '../vocabulary/time.ts';
import { EventMetrics } from './event-metrics.ts';
import { LeaseMetrics } from './lease-metrics.ts';
import { ProcessMetrics } from '../runtime/telling/process-metrics.ts';

interface MetricsDeps {
  readonly bus: Pick<EventBus, 'count'>;
  readonly wall: () => WallTime;
  /** Undefined until the plugin has started. */
  readonly operator: () => { networks(): readonly NetworkEntry[] } | undefined;
  readonly version: string;
}

export interface Metrics {
  /** The Content-Type of the text. */
  readonly type: string;
  text(): Promise<string>;
}

export function createMetrics({ bus, wall, operator, version }: MetricsDeps): Metrics {
  const registry = new Registry();
  const events = new EventMetrics(registry, wall);
  const leases = new LeaseMetrics(registry);
  const ofProcess = new ProcessMetrics(registry, version, 'plugin');
  bus.count((event) => events.count(event));
  return {
    type: registry.contentType,
    text: async () => {
      const plugin = operator();
      if (plugin !== undefined) {
        const networks = plugin.networks();
        for (const { segment, families } of networks) {
          for (const family of families) events.begin(segment, family);
        }
        leases.take(networks, wall());
      }
      await ofProcess.take();
      return registry.metrics();
    },
  };
}
