import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PartReport } from '../../../bench/figures/result.ts';
import { inTurn, way, type Way } from '../../../bench/figures/turns.ts';

let report: PartReport;
let told: string[];
beforeEach(() => {
  report = new PartReport({ part: 'p', where: 'w', method: 'm' });
  told = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => told.push(String(text)) > 0);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Returns 1, 2, 3 and so on. Fails from run number `fails` on. */
function counting(name: string, order: string[], fails = Infinity, reason = 'no lease'): Way {
  let run = 0;
  return way(name, 'ms', () => {
    run += 1;
    order.push(`${name}${run}`);
    return run < fails ? Promise.resolve(run) : Promise.reject(new Error(reason));
  });
}
const rowsOf = () =>
  report.result().rows.map(({ name, samples, failed }) => ({ name, samples, failed }));

describe('inTurn', () => {
  it('runs the ways in turn, and counts nothing of the warming up', async () => {
    const order: string[] = [];
    const ways = [counting('a', order), counting('b', order)];
    await inTurn(ways, { warmUps: 1, rounds: 2 }, report);
    expect(order).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'b3']);
    expect(rowsOf()).toEqual([
      { name: 'a', samples: [2, 3], failed: undefined },
      { name: 'b', samples: [2, 3], failed: undefined },
    ]);
  });

  it('a way that fails costs its row only, which says the reason in one line', async () => {
    const order: string[] = [];
    const ways = [counting('a', order, 3, 'udhcpc:\n  no lease\n'), counting('b', order)];
    await inTurn(ways, { warmUps: 1, rounds: 3 }, report);
    expect(order).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'b3', 'b4']);
    expect(rowsOf()).toEqual([
      { name: 'a', samples: [], failed: 'udhcpc: | no lease' },
      { name: 'b', samples: [2, 3, 4], failed: undefined },
    ]);
    expect(told).toEqual(['a: FAILED: udhcpc: | no lease\n']);
  });

  it('a way with several rows fails in all of them; so does one that gives too few figures', async () => {
    const heads = ['x', 'y'].map((name) => ({ name, unit: '/s' }));
    const ways: Way[] = [
      { rows: heads, run: () => Promise.resolve([1]) },
      { rows: [{ name: 'z', unit: '/s' }], run: () => Promise.resolve([NaN]) },
    ];
    await inTurn(ways, { warmUps: 0, rounds: 1 }, report);
    expect(rowsOf()).toEqual([
      { name: 'x', samples: [], failed: '2 figures were expected, got 1' },
      { name: 'y', samples: [], failed: '2 figures were expected, got 1' },
      { name: 'z', samples: [], failed: '1 figures were expected, got NaN' },
    ]);
  });

  it('compares nothing with a row that failed', async () => {
    await inTurn([counting('a', [], 1), counting('b', [])], { warmUps: 0, rounds: 3 }, report);
    report.ratio('b', 'a');
    report.ratio('b', 'b');
    expect(report.result().ratios.map(({ name }) => name)).toEqual(['b / b']);
  });
});
