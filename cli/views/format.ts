/**
 * The ways to print a list: a table for people, `--json`, and Docker's `--format`: `json`, a
 * template such as `{{.Address}}`, or `table` and a template.
 */
import { CommandError } from '../errors.ts';
import { alignedTable, clean } from './table.ts';

/** One line of a list. Keys are the names for templates. */
export type Row = Readonly<Record<string, string>>;

export interface Listing {
  readonly rows: readonly Row[];
  /** What `--json` prints: more than the rows. */
  readonly json: unknown;
  /** The fields of the usual table. */
  readonly columns: readonly string[];
  /** All fields. */
  readonly fields: readonly string[];
  readonly paint?: (cell: string, field: string, row: Row) => string;
}

export interface OutputOptions {
  readonly json?: boolean;
  readonly format?: string;
  /** True if lines of the same list were printed before: a table has its headings then. */
  readonly isContinued?: boolean;
}

/** @returns text without a newline at its end, and whether it is the usual table. */
export function printed(
  { rows, json, columns, fields, paint }: Listing,
  { json: isJson, format, isContinued = false }: OutputOptions,
): { text: string; isUsual: boolean } {
  if (isJson === true) return { text: JSON.stringify(json, null, 2), isUsual: false };
  // Docker takes an empty template for none, too.
  if (!format || format === 'table') {
    const cells = rows.map((row) => columns.map((field) => row[field] ?? ''));
    const painted = (cell: string, column: number, row: number) => {
      const [field, of] = [columns[column], rows[row]];
      return field === undefined || of === undefined ? cell : (paint?.(cell, field, of) ?? cell);
    };
    const text = alignedTable(columns.map(headingOf), cells, painted);
    return { text: isContinued ? withoutHeadings(text) : text, isUsual: true };
  }
  if (format === 'json') {
    return { text: rows.map((row) => JSON.stringify(row)).join('\n'), isUsual: false };
  }
  const isTable = format.startsWith('table ');
  const template = parsed(isTable ? format.slice('table '.length) : format, fields);
  const lines = rows.map((row) => template.map((part) => part(row)).join(''));
  if (!isTable) return { text: lines.join('\n'), isUsual: false };
  const heading = template.map((part) => part(HEADINGS)).join('');
  const split = lines.map((line) => line.split('\t'));
  const text = alignedTable(heading.split('\t'), split);
  return { text: isContinued ? withoutHeadings(text) : text, isUsual: false };
}

function withoutHeadings(table: string): string {
  return table.slice(table.indexOf('\n') + 1);
}

/** `HostName` becomes `HOST NAME`. */
export function headingOf(field: string): string {
  return field.replace(/([a-z])([A-Z])/g, '$1 $2').toUpperCase();
}

/** A row in which each field has its heading. */
const HEADINGS: Row = new Proxy({}, { get: (_, field) => headingOf(String(field)) });

/** @throws CommandError if the template has what only Go's templates have. */
function parsed(template: string, fields: readonly string[]): ((row: Row) => string)[] {
  return template
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n')
    .split(/(\{\{.*?\}\})/)
    .map((part) => {
      if (!part.startsWith('{{')) {
        if (part.includes('{{'))
          throw new CommandError(`--format has a {{ without its }}: ${part}`);
        return () => part;
      }
      const [, isWhole, field = ''] =
        /^\{\{\s*(json\s+\.\s*)?(?:\.(\w+)\s*)?\}\}$/.exec(part) ?? [];
      if (isWhole !== undefined && field === '') return (row: Row) => JSON.stringify(row);
      if (isWhole === undefined && fields.includes(field))
        return (row: Row) => clean(row[field] ?? '');
      throw new CommandError(
        `--format does not know ${part}; it knows {{json .}} and ${fields.map((one) => `{{.${one}}}`).join(' ')}`,
      );
    });
}
