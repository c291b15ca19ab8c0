/** What `doctor` found, as lines of a table. */
import type { Finding } from '../doctor/finding.ts';
import type { Listing } from './format.ts';
import type { Colors } from './lease-rows.ts';
import { clean } from './table.ts';

const FINDING_FIELDS = ['Level', 'Check', 'Subject', 'Text', 'Mend'];

export function findingListing(findings: readonly Finding[]): Listing {
  const rows = findings.map(({ level, check, subject, text, mend }) => ({
    ...{ Level: level, Check: check, Subject: subject, Text: text, Mend: mend ?? '' },
  }));
  return { rows, json: findings, columns: FINDING_FIELDS, fields: FINDING_FIELDS };
}

/** A line for each finding, and below what is wrong what mends it. */
export function findingPage(findings: readonly Finding[], colors: Colors): string {
  const paint = (level: Finding['level'], text: string) => {
    if (level === 'ok') return colors.dim(text);
    return level === 'warn' ? colors.yellow(text) : colors.red(text);
  };
  const width = Math.max(...findings.map(({ check }) => check.length)) + 2;
  const indent = ' '.repeat('fail'.length + 2 + width);
  const lines = findings.flatMap(({ level, check, text, mend }) => {
    const line = `${paint(level, level.padEnd(4))}  ${check.padEnd(width)}${clean(text)}`;
    return mend === undefined ? [line] : [line, `${indent}-> ${clean(mend)}`];
  });
  const count = (level: Finding['level']) => findings.filter((one) => one.level === level).length;
  return `${lines.join('\n')}\n\n${count('fail')} wrong, ${count('warn')} to look at, ${count('ok')} ok`;
}
