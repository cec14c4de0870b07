export type Direction = 'asc' | 'desc';

interface Props {
  name: string;
  /** The direction, if the table is sorted by this column. */
  sorted: Direction | null;
  onSort(): void;
  class?: string;
}

/** The header of a column with a button that sorts by it. */
export function SortHeader({ name, sorted, onSort, class: extra = '' }: Props) {
  const order = sorted === 'asc' ? 'ascending' : sorted === 'desc' ? 'descending' : undefined;
  return (
    <th role="columnheader" scope="col" class={extra} {...(order && { 'aria-sort': order })}>
      <button type="button" class="sort" onClick={onSort}>
        {name}
        <span aria-hidden="true" class="sort-mark">{sorted === 'asc' ? '↑' : sorted === 'desc' ? '↓' : ''}</span>
      </button>
    </th>
  );
}
