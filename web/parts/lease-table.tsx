/** The leases as a table. On a phone each row is a card. Rows are drawn as they are reached. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { RecordedEvent } from '../../plugin/events/events.ts';
import { SORT_KEYS, type Order, type Row, type SortKey } from '../model/leases.ts';
import { LeaseRow } from './lease-row.tsx';

export interface LeaseTableProps {
  readonly rows: readonly Row[];
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
  readonly events: readonly RecordedEvent[];
  readonly now: number;
  /** Another text: the list is shown from its beginning. */
  readonly filter: string;
}

/** What fits on a large screen, twice. */
const FIRST = 80;
const MORE = 160;

const HEADINGS: Readonly<Record<SortKey, string>> = {
  ...{ name: 'Name', network: 'Network', address: 'Address', mac: 'MAC', state: 'State' },
  ...{ expires: 'Expires in', server: 'Server' },
};

export function LeaseTable({ rows, order, onOrder, events, now, filter }: LeaseTableProps) {
  const [drawn, setDrawn] = useState(FIRST);
  const [open, setOpen] = useState<string>();
  const [active, setActive] = useState<string>();
  const end = useRef<HTMLButtonElement>(null);
  useEffect(() => setDrawn(FIRST), [filter]);

  const left = rows.length - drawn;
  const drawMore = () => setDrawn((count) => count + MORE);
  useEffect(() => {
    const button = end.current;
    if (button === null) return;
    const observer = new IntersectionObserver(
      (entries) => entries.some(({ isIntersecting }) => isIntersecting) && drawMore(),
      { rootMargin: '600px' },
    );
    observer.observe(button);
    return () => observer.disconnect();
  }, [left > 0, drawn]);

  const shown = rows.slice(0, drawn);
  const reached = shown.some(({ key }) => key === active) ? active : shown[0]?.key;
  const toggle = (key: string) => setOpen((before) => (before === key ? undefined : key));
  const toggleRef = useRef(toggle);
  toggleRef.current = toggle;
  const [stable] = useState(() => ({
    onToggle: (key: string) => toggleRef.current(key),
    onReach: (key: string) => setActive(key),
  }));

  return (
    <>
      <SortChoice order={order} onOrder={onOrder} />
      <table role="table" class="leases" aria-rowcount={rows.length + 1}>
        <caption class="unseen">
          Leases. Arrow keys go from row to row, Enter opens a row, the slash key goes to the
          search.
        </caption>
        <thead role="rowgroup">
          <tr role="row">
            {SORT_KEYS.map((key) => (
              <Heading key={key} name={key} order={order} onOrder={onOrder} />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup" onKeyDown={goByKey}>
          {shown.map((row, index) => (
            <LeaseRow
              key={row.key}
              id={row.key}
              lease={row.lease}
              health={row.health}
              name={row.name}
              network={row.network}
              address={row.address}
              state={row.state}
              left={row.left}
              place={index + 2}
              isOpen={row.key === open}
              isReached={row.key === reached}
              onToggle={stable.onToggle}
              onReach={stable.onReach}
              events={row.key === open ? events : undefined}
              now={row.key === open ? now : undefined}
            />
          ))}
        </tbody>
      </table>
      {left > 0 && (
        <button type="button" ref={end} class="more" onClick={drawMore}>
          Show {left} more
        </button>
      )}
    </>
  );
}

function Heading({
  name,
  order,
  onOrder,
}: {
  readonly name: SortKey;
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
}) {
  const isChosen = order.by === name;
  const direction = order.isDown ? 'descending' : 'ascending';
  return (
    <th role="columnheader" scope="col" class={name} aria-sort={isChosen ? direction : 'none'}>
      <button
        type="button"
        onClick={() => onOrder({ by: name, isDown: isChosen && !order.isDown })}
      >
        {HEADINGS[name]}
        <span aria-hidden="true">{isChosen ? (order.isDown ? ' ▾' : ' ▴') : ''}</span>
      </button>
    </th>
  );
}

/** Cards have no headings to sort by. */
function SortChoice({ order, onOrder }: Pick<LeaseTableProps, 'order' | 'onOrder'>) {
  return (
    <label class="sort-choice">
      Sort by{' '}
      <select
        value={order.by}
        onChange={({ currentTarget }) =>
          onOrder({ by: currentTarget.value as SortKey, isDown: false })
        }
      >
        {SORT_KEYS.map((key) => (
          <option key={key} value={key}>
            {HEADINGS[key]}
          </option>
        ))}
      </select>
    </label>
  );
}

const STEPS: Readonly<Record<string, (at: number, last: number) => number>> = {
  ArrowDown: (at, last) => Math.min(at + 1, last),
  ArrowUp: (at) => Math.max(at - 1, 0),
  Home: () => 0,
  End: (_at, last) => last,
};

/** One row is reached by Tab; the others by arrow keys. */
function goByKey(event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void {
  const step = STEPS[event.key];
  const isOnRow = event.target instanceof HTMLElement && event.target.matches('button.name');
  if (step === undefined || !isOnRow || event.ctrlKey || event.metaKey || event.altKey) return;
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('button.name')];
  const at = buttons.findIndex((button) => button === event.target);
  buttons[step(at, buttons.length - 1)]?.focus();
  event.preventDefault();
}
