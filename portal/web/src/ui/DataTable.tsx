import { Button, Group, Skeleton, Text, TextInput, VisuallyHidden } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconArrowDown, IconArrowUp, IconArrowsSort, IconSearch } from '@tabler/icons-react';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react';
import classes from './DataTable.module.css';
import { ErrorState } from './ErrorState';
import { isBare, type Rows } from './useRows';

export interface Column<T> {
  /** Unique in the table. */
  id: string;
  title: string;
  cell: (row: T) => ReactNode;
  /** CSS width, such as `7rem` or `30%`; the columns without share what is left. */
  width?: string;
  numeric?: boolean;
  /** The API's sort word (`name`); the header then sorts. */
  sort?: string;
  /** The title is only for screen readers: a column of buttons. */
  quiet?: boolean;
}

export interface DataTableProps<T> {
  /** What the table lists, for screen readers: "Routes of production". */
  caption: string;
  rows: Rows<T>;
  columns: Column<T>[];
  rowKey: (row: T) => string;
  /** Shown where there is nothing at all, and no search. */
  empty: ReactNode;
  /** Current search; given together with onSearch it shows the search field. */
  search?: string;
  onSearch?: (text: string) => void;
  searchLabel?: string;
  /** Current sort (`name`, `-name`). */
  sort?: string;
  onSort?: (sort: string) => void;
  /** How many rows are drawn while the first ones are read; default 6. */
  awaited?: number;
  /** Further filters beside the search field. */
  filters?: ReactNode;
}

const rowHeight = 45;

/**
 * A list of any length: pages come from the server as they are scrolled to, and
 * only the rows in sight are in the document. Search and order are the server's.
 * Below 768 px each row is a card.
 */
export function DataTable<T>(props: DataTableProps<T>) {
  const { rows, empty, search, onSearch, filters } = props;
  const nothing = !rows.loading && !rows.error && rows.items.length === 0;
  const pristine = isBare(rows, search);
  return (
    <div>
      {pristine ? null : (
        <Group gap="sm" mb="sm" align="flex-end" className={classes.tools}>
          {onSearch ? <SearchField value={search ?? ''} onChange={onSearch} label={props.searchLabel ?? 'Search'} /> : null}
          {filters}
        </Group>
      )}
      {rows.error && rows.items.length === 0 ? (
        <ErrorState error={rows.error} retry={rows.retry} />
      ) : pristine ? (
        empty
      ) : (
        <div className={classes.wrap}>
          <TableBody {...props} />
          {rows.loading ? <VisuallyHidden role="status">Loading</VisuallyHidden> : <Foot rows={rows} nothing={nothing} />}
        </div>
      )}
    </div>
  );
}

function SearchField({ value, onChange, label }: { value: string; onChange: (text: string) => void; label: string }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const tell = useDebouncedCallback(onChange, 250);
  return (
    <TextInput
      type="search"
      aria-label={label}
      placeholder={label}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        tell(event.currentTarget.value);
      }}
      leftSection={<IconSearch size={16} aria-hidden />}
      className={classes.search}
    />
  );
}

function TableBody<T>({ caption, rows, columns, rowKey, sort, onSort, awaited = 6 }: DataTableProps<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setTop((body.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
    measure();
    window.addEventListener('resize', measure);
    return () => window.removeEventListener('resize', measure);
  }, [rows.loading]);
  const virtual = useWindowVirtualizer({
    count: rows.items.length,
    estimateSize: () => rowHeight,
    overscan: 12,
    scrollMargin: top,
    getItemKey: (i) => {
      const item = rows.items[i];
      return item === undefined ? i : rowKey(item);
    },
  });
  // A card whose row begins with a box to tick has its name beside the box.
  const choice = columns[0]?.quiet === true;
  const inSight = virtual.getVirtualItems();
  const last = inSight.at(-1)?.index ?? -1;
  const { more, loadMore, fetching } = rows;
  useEffect(() => {
    if (more && !fetching && last >= rows.items.length - 20) loadMore();
  }, [more, fetching, last, loadMore, rows.items.length]);
  const before = inSight[0] ? inSight[0].start - top : 0;
  const after = inSight.length > 0 ? virtual.getTotalSize() - ((inSight.at(-1)?.end ?? 0) - top) : 0;
  return (
    <table className={classes.table} aria-rowcount={rows.more ? -1 : rows.items.length + 1} aria-busy={fetching}>
      <VisuallyHidden component="caption">{caption}</VisuallyHidden>
      <colgroup>
        {columns.map((c) => (
          <col key={c.id} style={c.width ? { width: c.width } : undefined} />
        ))}
      </colgroup>
      <thead>
        <tr aria-rowindex={1}>
          {columns.map((c) => (
            <Head key={c.id} column={c} sort={sort} onSort={onSort} />
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        {rows.loading ? (
          <LoadingRows columns={columns} rows={awaited} />
        ) : (
          <>
            <Spacer height={before} columns={columns.length} />
            {inSight.map((v) => {
              const row = rows.items[v.index];
              if (row === undefined) return null;
              return (
                <tr key={v.key} ref={virtual.measureElement} data-index={v.index} aria-rowindex={v.index + 2} className={`${classes.row} ${choice ? classes.choice : ''}`}>
                  {columns.map((c, i) => (
                    <td key={c.id} className={`${c.numeric ? classes.numeric : ''} ${i === 0 || (choice && i === 1) ? classes.first : ''}`}>
                      {c.quiet ? null : (
                        <span className={classes.label} aria-hidden>
                          {c.title}
                        </span>
                      )}
                      <div className={classes.value}>{c.cell(row)}</div>
                    </td>
                  ))}
                </tr>
              );
            })}
            <Spacer height={after} columns={columns.length} />
          </>
        )}
      </tbody>
    </table>
  );
}

function Spacer({ height, columns }: { height: number; columns: number }) {
  if (height <= 0) return null;
  return (
    <tr className={classes.spacer} aria-hidden>
      <td colSpan={columns} style={{ height }} />
    </tr>
  );
}

function LoadingRows<T>({ columns, rows }: { columns: Column<T>[]; rows: number }) {
  return Array.from({ length: rows }, (_, i) => (
    <tr key={i} className={classes.row}>
      {columns.map((c, j) => (
        <td key={c.id}>
          <Skeleton height={14} my={5} width={`${[70, 45, 60, 50][(i + j) % 4]}%`} />
        </td>
      ))}
    </tr>
  ));
}

interface HeadProps<T> {
  column: Column<T>;
  sort?: string;
  onSort?: (sort: string) => void;
}

function Head<T>({ column, sort, onSort }: HeadProps<T>) {
  const className = column.numeric ? classes.numeric : undefined;
  const word = column.sort;
  if (!word || !onSort) {
    return (
      <th scope="col" className={className}>
        {column.quiet ? <VisuallyHidden>{column.title}</VisuallyHidden> : column.title}
      </th>
    );
  }
  const up = sort === word;
  const down = sort === `-${word}`;
  const Icon = up ? IconArrowUp : down ? IconArrowDown : IconArrowsSort;
  return (
    <th scope="col" className={className} aria-sort={up ? 'ascending' : down ? 'descending' : 'none'}>
      <button type="button" className={classes.sort} onClick={() => onSort(up ? `-${word}` : word)}>
        {column.title}
        <Icon size={13} aria-hidden />
      </button>
    </th>
  );
}

function Foot<T>({ rows, nothing }: { rows: Rows<T>; nothing: boolean }) {
  if (nothing) {
    return (
      <div className={classes.foot} role="status">
        Nothing matches. Change or clear the search and the filters.
      </div>
    );
  }
  const shown = rows.items.length.toLocaleString('en');
  const total = rows.total?.toLocaleString('en');
  return (
    <div className={classes.foot}>
      <span role="status">
        {total ? `${shown} of ${total}` : rows.more ? `The first ${shown}` : `${shown} in all`}
      </span>
      {rows.error ? (
        <Group gap="xs">
          <Text size="sm">The next rows could not be read.</Text>
          <Button size="compact-sm" variant="default" onClick={rows.retry}>
            Try again
          </Button>
        </Group>
      ) : rows.more ? (
        <Button size="compact-sm" variant="default" onClick={rows.loadMore} loading={rows.fetching}>
          Load more
        </Button>
      ) : null}
    </div>
  );
}
