/** Tables with aligned columns, for a terminal and for programs that read words. */

/** What a control character in a name must not do to a terminal. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * @param paint called with each cell, already padded, after its width is known.
 * @returns lines without trailing blanks.
 */
export function alignedTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  paint: (cell: string, column: number, row: number) => string = (cell) => cell,
): string {
  const all = [headings, ...rows].map((row) => row.map((cell) => cell.replace(CONTROL, '?')));
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
