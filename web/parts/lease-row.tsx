/** One lease as a row, and below it, if it is open, all about it. */
import type { RecordedEvent } from '../../plugin/events/events.ts';
import type { Row } from '../model/leases.ts';
import { LeaseDetails } from './lease-details.tsx';
import { pure } from './pure.ts';

interface LeaseRowProps extends Omit<Row, 'key'> {
  readonly id: string;
  readonly place: number;
  readonly isOpen: boolean;
  /** Tab comes to this row. */
  readonly isReached: boolean;
  readonly onToggle: (key: string) => void;
  readonly onReach: (key: string) => void;
  /** Of all leases. Undefined while the row is closed: it is not drawn again for each event. */
  readonly events: readonly RecordedEvent[] | undefined;
  readonly now: number | undefined;
}

const COLUMNS = 7;

export const LeaseRow = pure((props: LeaseRowProps) => {
  const { id, lease, health, name, network, address, state, left, place, isOpen, isReached } =
    props;
  const { onToggle, onReach, events, now } = props;
  const panel = `details-${place}`;
  return (
    <>
      <tr role="row" class={`lease ${health}`} aria-rowindex={place}>
        <th role="rowheader" scope="row" class="name">
          <button
            type="button"
            class="name"
            tabIndex={isReached ? 0 : -1}
            aria-expanded={isOpen}
            {...(isOpen && { 'aria-controls': panel })}
            onClick={() => onToggle(id)}
            onFocus={() => onReach(id)}
          >
            <bdi>{name}</bdi>
            {lease.holder === 'nobody' && <small> (gone)</small>}
          </button>
        </th>
        <td role="cell" class="network">
          <bdi>{network}</bdi>
        </td>
        <td role="cell" class="address">
          <code>{address}</code>
        </td>
        <td role="cell" class="mac">
          <code>{lease.mac}</code>
        </td>
        <td role="cell" class="state">
          <span class="state-word">{state}</span>
        </td>
        <td role="cell" class="expires">
          {left}
        </td>
        <td role="cell" class="server">
          <code>{lease.server ?? ''}</code>
        </td>
      </tr>
      {isOpen && events !== undefined && now !== undefined && (
        <tr role="row" class="details">
          <td role="cell" colSpan={COLUMNS} id={panel}>
            <LeaseDetails lease={lease} events={events} now={now} />
          </td>
        </tr>
      )}
    </>
  );
});
