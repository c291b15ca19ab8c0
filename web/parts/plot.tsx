/** A plot by uPlot, as wide as its place, in the colours of the theme. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { PlotData } from '../model/plot-data.ts';

export interface PlotProps {
  readonly title: string;
  /** The same facts in words. */
  readonly words: string;
  readonly data: PlotData;
  readonly series: readonly PlotSeries[];
  readonly isLogarithmic?: boolean;
  readonly format: (value: number) => string;
  /** Drawn anew if it is another one. */
  readonly theme: string;
}

export interface PlotSeries {
  readonly label: string;
  /** The name of a colour in style.css. */
  readonly color: string;
  readonly kind: 'points' | 'steps';
}

const HEIGHT = 170;

export function Plot(props: PlotProps) {
  const { title, words, data, series, theme } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const isEmpty = data[0].length === 0;
  useEffect(() => {
    const element = place.current;
    if (element === null || isEmpty) return;
    const made = new uPlot(optionsOf(props, element), data, element);
    plot.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [theme, isEmpty]);
  useEffect(() => plot.current?.setData(data), [data]);
  return (
    <figure>
      <figcaption>
        <b>{title}</b>
        {series.length > 1 &&
          series.map(({ label, color }) => (
            <span key={label} class="key">
              <i class={`dot ${color}`} /> {label}
            </span>
          ))}
        <span class="words">{words}</span>
      </figcaption>
      {isEmpty ? (
        <p class="empty">Nothing to plot yet.</p>
      ) : (
        <div class="plot" role="img" aria-label={`${title}: ${words}`} ref={place} />
      )}
    </figure>
  );
}

function optionsOf(
  { series, isLogarithmic, format }: PlotProps,
  element: HTMLElement,
): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => colorOf(name, element);
  const axis: uPlot.Axis = {
    stroke: color('soft'),
    grid: { stroke: color('line'), width: 1 },
    ticks: { show: false },
    font: `12px ${style.fontFamily}`,
  };
  return {
    ...{ width: element.clientWidth, height: HEIGHT, cursor: { show: false } },
    legend: { show: false },
    scales: { y: isLogarithmic === true ? { distr: 3 } : { range: fromZero } },
    axes: [
      { ...axis, space: 70, values: timeLabels() },
      {
        ...axis,
        size: 62,
        // uPlot leaves out labels of a logarithmic axis, unless a filter lets all through.
        ...(isLogarithmic === true && { splits: decades, filter: (_plot, splits) => splits }),
        values: (_plot, values) => values.map(format),
      },
    ],
    series: [
      {},
      ...series.map(({ label, color: name, kind }): uPlot.Series => {
        const common = { label, stroke: color(name), width: 2 };
        if (kind === 'points') {
          const points = { show: true, size: 6, fill: color(name), stroke: color(name) };
          return { ...common, paths: () => null, points };
        }
        const paths = uPlot.paths.stepped?.({ align: 1 });
        return { ...common, points: { show: false }, ...(paths && { paths }) };
      }),
    ],
  };
}

/** 1, 10, 100: other lines of a logarithmic axis only make it grey. */
function decades(_plot: uPlot, _axis: number, least: number, most: number): number[] {
  const [from, to] = [Math.ceil(Math.log10(least)), Math.floor(Math.log10(most))];
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => 10 ** (from + at));
}

/** A line along the middle of the plot would tell nothing of how many there are. */
function fromZero(_plot: uPlot, _least: number, most: number): [number, number] {
  return [0, Math.max(4, Math.ceil(most * 1.1))];
}

/** The day only where the plot is longer than one. */
function timeLabels(): (
  plot: uPlot,
  splits: number[],
  axis: number,
  space: number,
  step: number,
) => string[] {
  const two = (value: number) => String(value).padStart(2, '0');
  return (_plot, splits, _axis, _space, step) =>
    splits.map((seconds) => {
      const at = new Date(seconds * 1000);
      const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
      if (step >= 86_400) return `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
      return step >= 60 ? time : `${time}:${two(at.getSeconds())}`;
    });
}

/** Canvas knows no `light-dark()`, and the computed colour of an element has none. */
function colorOf(name: string, element: HTMLElement): string {
  const probe = document.createElement('i');
  probe.className = `dot ${name}`;
  element.append(probe);
  const { backgroundColor } = getComputedStyle(probe);
  probe.remove();
  return backgroundColor;
}
