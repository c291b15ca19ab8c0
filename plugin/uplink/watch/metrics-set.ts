/**
 * A set of metrics for Prometheus. What happens is counted when it happens. What is the case is
 * looked up when somebody asks. Two who ask at once get the answer of one look.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import { ProcessMetrics } from '../../runtime/telling/process-metrics.ts';
import type { MetricsText } from './service-telling.ts';

export interface MetricsSetDeps {
  readonly version: string;
  /** Whose process it is, for the texts: `hub`. */
  readonly whose: string;
  /** Sets what is the case now. The gauges are empty when it begins. */
  readonly look: () => Promise<void>;
  /** Told of a look that failed. What is the case is left out then: what was seen before is old. */
  readonly onFailure: (error: unknown) => void;
}

export class MetricsSet {
  readonly #registry = new Registry();
  readonly #gauges: { reset(): void }[] = [];

  gauge<Label extends string>(name: string, help: string, ...labelNames: Label[]): Gauge<Label> {
    const gauge = new Gauge({ name, help, labelNames, registers: [this.#registry] });
    this.#gauges.push(gauge);
    return gauge;
  }

  counter<Label extends string>(
    name: string,
    help: string,
    ...labelNames: Label[]
  ): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  /** Counts the lines of the log that tell of trouble. */
  trouble(name: string): Counter<'level'> {
    const lines = this.counter(name, 'Lines of the log of level warn, error or fatal', 'level');
    for (const level of ['warn', 'error', 'fatal']) lines.inc({ level }, 0);
    return lines;
  }

  /** To be called once, after the metrics are made. */
  text({ version, whose, look, onFailure }: MetricsSetDeps): MetricsText {
    const ofProcess = new ProcessMetrics(this.#registry, version, whose);
    let running: Promise<string> | undefined;
    const read = async (): Promise<string> => {
      this.#forget();
      await look().catch((error: unknown) => {
        this.#forget();
        onFailure(error);
      });
      await ofProcess.take();
      return this.#registry.metrics();
    };
    return {
      type: this.#registry.contentType,
      text: () => (running ??= read().finally(() => (running = undefined))),
    };
  }

  #forget(): void {
    for (const gauge of this.#gauges) gauge.reset();
  }
}

/** For a counter that the kernel counts: it is read, and begins anew when the kernel's does. */
export function setCounter<Label extends string>(
  counter: Counter<Label>,
  values: Iterable<readonly [Partial<Record<Label, string>>, number]>,
): void {
  counter.reset();
  for (const [labels, value] of values) counter.inc(labels, value);
}

/** One of these is the case: 1 for it, and 0 for the others. */
export function setOneOf<Label extends string, Word extends string>(
  gauge: Gauge<Label>,
  words: readonly Word[],
  is: Word | undefined,
  labelsOf: (word: Word) => Partial<Record<Label, string>>,
): void {
  for (const word of words) gauge.set(labelsOf(word), word === is ? 1 : 0);
}
