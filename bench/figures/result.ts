/**
 * The results of one part of the benchmark: rows of samples, ratios between rows, single facts, and
 * their goals. Each part runs in its own machine and writes one file. `report.ts` makes the table
 * from the files.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pairedRatio, summarize, type Ratio, type Summary } from './statistics.ts';

export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly samples: readonly number[];
  readonly summary: Summary | undefined;
  /** The reason why this machine or this plugin cannot do it. */
  readonly unavailable?: string | undefined;
  /** The failure during the measurement. Samples from before it are dropped. */
  readonly failed?: string | undefined;
}

export interface RowHead {
  readonly name: string;
  readonly unit: string;
}

export interface Goal {
  readonly text: string;
  readonly isMet: boolean;
}

export interface RatioRow extends Ratio {
  readonly name: string;
  readonly goal?: Goal | undefined;
}

export interface Fact {
  readonly name: string;
  readonly value: number | string;
  readonly unit: string;
  readonly goal?: Goal | undefined;
}

export interface PartResult {
  readonly part: string;
  /** The kernel, the namespaces and the server. */
  readonly where: string;
  readonly method: string;
  readonly rows: readonly Row[];
  readonly ratios: readonly RatioRow[];
  readonly facts: readonly Fact[];
}

interface Mutable {
  readonly unit: string;
  readonly samples: number[];
  readonly unavailable?: string;
  readonly failed?: string;
}

/**
 * Collects the results of a running part. After a failure, the earlier results are still written.
 */
export class PartReport {
  readonly #head: Pick<PartResult, 'part' | 'where' | 'method'>;
  readonly #rows = new Map<string, Mutable>();
  readonly #ratios: RatioRow[] = [];
  readonly #facts: Fact[] = [];

  constructor(head: Pick<PartResult, 'part' | 'where' | 'method'>) {
    this.#head = head;
  }

  /** Rows keep the order in which they were first named. */
  row(name: string, unit: string): void {
    if (!this.#rows.has(name)) this.#rows.set(name, { unit, samples: [] });
  }

  sample(name: string, unit: string, value: number): void {
    this.row(name, unit);
    this.#rows.get(name)?.samples.push(value);
  }

  unavailable(name: string, unit: string, reason: string): void {
    this.#rows.set(name, { unit, samples: [], unavailable: reason });
  }

  /** The failure goes to stderr at once, and into the table. */
  failed(name: string, unit: string, reason: string): void {
    this.#rows.set(name, { unit, samples: [], failed: reason });
    process.stderr.write(`${name}: FAILED: ${reason}\n`);
  }

  samples(name: string): readonly number[] {
    return this.#rows.get(name)?.samples ?? [];
  }

  /**
   * Reports nothing if one of the two was not measured: its row says why.
   * @param isGood compares the ratio with the goal.
   */
  ratio(of: string, to: string, goal?: { text: string; isGood: (ratio: number) => boolean }): void {
    const [mine, other] = [this.samples(of), this.samples(to)];
    if (mine.length === 0 || other.length !== mine.length) return;
    const ratio = pairedRatio(mine, other);
    const held = goal && { text: goal.text, isMet: goal.isGood(ratio.ratio) };
    this.#ratios.push({ name: `${of} / ${to}`, ...ratio, goal: held });
  }

  fact(name: string, value: number | string, unit = '', goal?: Goal): void {
    this.#facts.push({ name, value, unit, goal });
  }

  /** Writes into $LAB_SHARE. That folder stays when the machine is gone. */
  write(): void {
    const folder = process.env['LAB_SHARE'] ?? 'build/bench';
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'part.json'), JSON.stringify(this.result(), undefined, 1));
  }

  result(): PartResult {
    const rows = [...this.#rows].map(([name, { unit, samples, unavailable, failed }]) => ({
      name,
      unit,
      samples,
      summary: samples.length === 0 ? undefined : summarize(samples),
      unavailable,
      failed,
    }));
    return { ...this.#head, rows, ratios: this.#ratios, facts: this.#facts };
  }
}

export const atMost = (limit: number, unit = '') => ({
  text: `≤ ${limit}${unit}`,
  isGood: (value: number) => value <= limit,
});

export const atLeast = (limit: number, unit = '') => ({
  text: `≥ ${limit}${unit}`,
  isGood: (value: number) => value >= limit,
});

/** A goal for a single value. */
export function held(
  value: number,
  { text, isGood }: { text: string; isGood: (value: number) => boolean },
): Goal {
  return { text, isMet: isGood(value) };
}
