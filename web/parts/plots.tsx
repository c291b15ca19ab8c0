/** The two plots: how fast DHCP servers answer, and how many leases are in use. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { RecordedEvent } from '../../plugin/events/events.ts';
import type { Row } from '../model/leases.ts';
import { answerTimes, leasesOverTime, msText, summaryOf } from '../model/plot-data.ts';
import { Plot, type PlotSeries } from './plot.tsx';
import type { Theme } from './theme.tsx';

export interface PlotsProps {
  readonly events: readonly RecordedEvent[];
  readonly leases: readonly Row[];
  readonly now: number;
  readonly isSearched: boolean;
  readonly theme: Theme;
}

const ANSWERS: readonly PlotSeries[] = [
  { label: 'first lease', color: 'accent', kind: 'points' },
  { label: 'renewal', color: 'second', kind: 'points' },
];
const IN_USE: readonly PlotSeries[] = [{ label: 'in use', color: 'accent', kind: 'steps' }];

export function Plots({ events, leases, now, theme }: PlotsProps) {
  const drawnAs = `${theme} ${useSystemTheme()}`;
  const answers = useMemo(() => answerTimes(events), [events]);
  const minute = Math.ceil(now / 60_000) * 60_000;
  const inUse = useMemo(
    () =>
      leasesOverTime(
        events,
        leases.map(({ lease }) => lease),
        minute,
      ),
    [events, leases, minute],
  );
  const summary = summaryOf(answers);
  const count = inUse[1]?.at(-1) ?? 0;
  const most = Math.max(...(inUse[1] ?? []).map((value) => value ?? 0));
  return (
    <section aria-label="Plots" class="plots">
      <Plot
        title="Answer time of DHCP servers"
        words={
          summary === undefined
            ? 'no answer yet'
            : `median ${msText(summary.median)}, slowest ${msText(summary.most)}, of ${summary.count}`
        }
        data={answers}
        series={ANSWERS}
        isLogarithmic
        format={msText}
        theme={drawnAs}
      />
      <Plot
        title="Leases in use"
        words={`${count} now, ${most} at most`}
        data={inUse}
        series={IN_USE}
        format={(value) => (Number.isInteger(value) ? String(value) : '')}
        theme={drawnAs}
      />
    </section>
  );
}

function useSystemTheme(): string {
  const [isDark, setIsDark] = useState(() => darkQuery().matches);
  useEffect(() => {
    const query = darkQuery();
    const changed = () => setIsDark(query.matches);
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, []);
  return isDark ? 'dark' : 'light';
}

function darkQuery(): MediaQueryList {
  return window.matchMedia('(prefers-color-scheme: dark)');
}
