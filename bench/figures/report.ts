/**
 * `report FOLDER OUTPUT PART...`: reads the results of the parts in FOLDER, prints the table, and
 * writes everything to OUTPUT, with the raw samples. Prints a line for each part and row that
 * failed. If there is one, the exit status is 1.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Goal, PartResult } from './result.ts';

export function report(folder: string, output: string, parts: readonly string[]): void {
  const results: PartResult[] = [];
  const failures: string[] = [];
  for (const part of parts) {
    const file = join(folder, part, 'part.json');
    const result = existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as PartResult)
      : undefined;
    if (result !== undefined) results.push(result);
    // A part that fails half-way leaves its earlier results.
    const end = endOf(join(folder, part));
    if (end !== '0') failures.push(`${part}: FAILED (${end}), see ${join(folder, part, 'output')}`);
    else if (result === undefined) failures.push(`${part}: FAILED, it left no figures`);
    for (const { name, failed } of result?.rows ?? []) {
      if (failed !== undefined) failures.push(`${part}: FAILED: ${name}: ${failed}`);
    }
  }
  const machine = {
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    node: process.version,
    commit: said('git', ['describe', '--always', '--dirty']),
  };
  const command = `scripts/bench ${parts.join(' ')}`;
  const at = new Date().toISOString();
  writeFileSync(
    output,
    JSON.stringify({ at, command, machine, parts: results, failures }, undefined, 1),
  );
  const lines = [
    `${machine.cpu}, ${machine.memory}, Linux ${machine.kernel}, node ${machine.node}, commit ${machine.commit}`,
    ...results.flatMap(partLines),
    `\nraw samples: ${output}`,
    ...failures,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (failures.length > 0) process.exitCode = 1;
}

/** The exit status of the part's machine (scripts/lab/guest). */
function endOf(folder: string): string {
  const file = join(folder, 'exit-status');
  if (!existsSync(file)) return 'its machine ended before it did';
  const status = readFileSync(file, 'utf8').trim();
  return status === '0' ? status : `exit status ${status}`;
}

function partLines({ part, where, method, rows, ratios, facts }: PartResult): string[] {
  const table: string[][] = [
    ...(rows.length > 0 ? [['', 'median', 'p10 – p90', 'n', '']] : []),
    ...rows.map(({ name, unit, summary, unavailable, failed }) =>
      summary === undefined
        ? [
            name,
            failed === undefined ? 'not available' : 'FAILED',
            '',
            '',
            failed ?? unavailable ?? '',
          ]
        : [
            name,
            `${digits(summary.median)} ${unit}`,
            `${digits(summary.p10)} – ${digits(summary.p90)}`,
            String(summary.n),
            '',
          ],
    ),
    ...ratios.map(({ name, ratio, low, high, goal }) => [
      name,
      `× ${ratio.toFixed(3)}`,
      `${low.toFixed(3)} – ${high.toFixed(3)}`,
      '',
      verdict(goal),
    ]),
    ...facts.map(({ name, value, unit, goal }) => [
      name,
      `${typeof value === 'number' ? digits(value) : value} ${unit}`.trim(),
      '',
      '',
      verdict(goal),
    ]),
  ];
  return ['', `== ${part}: ${where}`, `   ${method}`, ...aligned(table)];
}

function verdict(goal: Goal | undefined): string {
  return goal === undefined ? '' : `${goal.text}: ${goal.isMet ? 'met' : 'MISSED'}`;
}

/** Rounds to three significant digits. */
function digits(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size >= 100
    ? Math.round(value).toLocaleString('en')
    : String(Number(value.toPrecision(3)));
}

function aligned(table: readonly (readonly string[])[]): string[] {
  const width = (column: number) => Math.max(...table.map((cells) => cells[column]?.length ?? 0));
  return table.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(width(column)))
      .join('  ')
      .trimEnd(),
  );
}

function said(file: string, args: readonly string[]): string {
  try {
    return execFileSync(file, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}
