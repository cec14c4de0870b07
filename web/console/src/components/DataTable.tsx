import type { ComponentChildren } from 'preact';
import './data-table.css';

export interface Column<Row> {
  name: string;
  render(row: Row): ComponentChildren;
  /** Whether the cell names its row. */
  isRowHeader?: boolean;
  /** Such as `number`. */
  class?: string;
  /** Whether the name of the column is only for assistive technology, as of a column of buttons. */
  isNameHidden?: boolean;
}

interface Props<Row> {
  /** The accessible name of the table. */
  name: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf(row: Row): string | number;
  classOf?(row: Row): string;
}

/**
 * A table whose rows become cards on a narrow screen. The roles are written out, because a browser forgets those of
 * table elements that are displayed otherwise.
 */
export function DataTable<Row>({ name, columns, rows, keyOf, classOf }: Props<Row>) {
  return (
    <div class="scroller data-table">
      <table role="table" aria-label={name}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th key={column.name} role="columnheader" scope="col" class={column.class ?? ''}>
                {column.isNameHidden ? <span class="visually-hidden">{column.name}</span> : column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={keyOf(row)} role="row" class={classOf?.(row) ?? ''} data-key={keyOf(row)}>
              {columns.map((column) => <Cell key={column.name} column={column} row={row} />)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell<Row>({ column, row }: { column: Column<Row>; row: Row }) {
  const attributes = {
    class: column.class ?? '',
    ...(column.isNameHidden ? {} : { 'data-label': column.name }),
  };
  const content = <div class="cell">{column.render(row)}</div>;
  return column.isRowHeader
    ? <th {...attributes} role="rowheader" scope="row">{content}</th>
    : <td {...attributes} role="cell">{content}</td>;
}
