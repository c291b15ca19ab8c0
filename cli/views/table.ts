/** Tables with aligned columns, for a terminal and for programs that read words. */

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** What a server or a container says must not move a terminal's cursor. */
export function clean(text: string): string {
  return text.replace(CONTROL, '?');
}

/** The same for a text with line breaks. */
export function cleanLines(text: string): string {
  return text.split('\n').map(clean).join('\n');
}

/** JSON leaves these as they are. The escape is JSON of the same text. */
export function escapeC1(text: string): string {
  return text.replace(
    /[\u007f-\u009f]/g,
    (one) => `\\u00${one.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/**
 * @param paint called with each cell, already padded, after its width is known.
 * @returns lines without trailing blanks.
 */
export function alignedTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  paint: (cell: string, column: number, row: number) => string = (cell) => cell,
): string {
  const all = [headings, ...rows].map((row) => row.map(clean));
  const widths = headings.map((_, column) => Math.max(...all.map((row) => widthOf(row[column]))));
  return all
    .map((cells, row) => {
      const last = cells.findLastIndex((cell) => cell !== '');
      return cells
        .slice(0, last + 1)
        .map((cell, column) => {
          const isLast = column === last;
          const gap = isLast ? '' : ' '.repeat((widths[column] ?? 0) - widthOf(cell) + 2);
          return (row === 0 ? cell : paint(cell, column, row - 1)) + gap;
        })
        .join('');
    })
    .join('\n');
}

function widthOf(text: string | undefined): number {
  return [...(text ?? '')].length;
}
