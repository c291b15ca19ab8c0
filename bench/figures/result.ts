/**
 * What a part of the benchmark reports: rows of samples, ratios between rows, single facts, and the goal each was
 * held to. Parts run in machines of their own and leave one file each, from which `report.ts` makes the table.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pairedRatio, summarize, type Ratio, type Summary } from './statistics.ts';

export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly samples: readonly number[];
  readonly summary: Summary | undefined;
  /** Why this machine or this plugin cannot do it. */
  readonly unavailable?: string | undefined;
  /** What went wrong while it was measured; samples taken before that are dropped. */
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
  /** Which kernel, which namespaces, which server. */
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

/** Collects while a part runs; what was measured before a failure is written all the same. */
export class PartReport {
  readonly #head: Pick<PartResult, 'part' | 'where' | 'method'>;
  readonly #rows = new Map<string, Mutable>();
  readonly #ratios: RatioRow[] = [];
  readonly #facts: Fact[] = [];

  constructor(head: Pick<PartResult, 'part' | 'where' | 'method'>) {
    this.#head = head;
  }

  /** Rows appear in the order in which they are first named. */
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

  /** Told on stderr at once, and in the table. */
  failed(name: string, unit: string, reason: string): void {
    this.#rows.set(name, { unit, samples: [], failed: reason });
    process.stderr.write(`${name}: FAILED: ${reason}\n`);
  }

  samples(name: string): readonly number[] {
    return this.#rows.get(name)?.samples ?? [];
  }

  /** Nothing is said where one of the two was not measured: its row says why. @param isGood holds the ratio to the goal. */
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

  /** Into $LAB_SHARE, the folder that outlives the machine. */
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
