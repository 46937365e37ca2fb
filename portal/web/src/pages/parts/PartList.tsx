import { IconPlus } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useMay } from '@/api/session';
import { DataTable, EmptyState, isBare, PageHeader, useRows, useSearchParams, type Column, type ListPage } from '@/ui';
import { LinkButton } from '@/ui/LinkTo';

export type PartSort = 'name' | '-name' | 'updated_at' | '-updated_at';

/** What is asked of the API for one page of a list. */
export interface PartQuery {
  limit: number;
  cursor: string | undefined;
  q: string | undefined;
  sort: PartSort;
  count: true | undefined;
}

export interface PartListProps<T> {
  gateway: string;
  /** All of them: "Streams". */
  title: string;
  /** One of them, in lower case: "stream". */
  what: string;
  description: string;
  docs: string;
  /** The page on which a new one is made. */
  make: '/gateways/$gw/new-route' | '/gateways/$gw/new-upstream' | '/gateways/$gw/new-stream';
  /** The API's path of the list. */
  path: string;
  read: (query: PartQuery, signal: AbortSignal) => Promise<{ data?: ListPage<T> }>;
  columns: Column<T>[];
  searchLabel: string;
  icon: ReactNode;
  /** What belongs here, for who has none yet. */
  children: ReactNode;
  /** Filters beside the search, and what they are set to. */
  filters?: ReactNode;
  filteredBy?: readonly (string | undefined)[];
}

/** The list of one kind of parts of a gateway: searched, sorted, and where a new one is made. */
export function PartList<T extends { id: string }>(props: PartListProps<T>) {
  const { gateway, what, filteredBy = [] } = props;
  const may = useMay('gateways:write');
  const [search, setSearch] = useSearchParams();
  const sort = (search.sort ?? 'name') as PartSort;
  const { q } = search;
  const rows = useRows({
    key: ['get', props.path, gateway, q, sort, ...filteredBy, 'rows'],
    read: async (cursor, signal) => {
      const { data } = await props.read({ limit: 100, cursor, q: q || undefined, sort, count: cursor ? undefined : true }, signal);
      return data ?? { items: [] };
    },
    filtered: filteredBy.some(Boolean),
  });
  const make = may ? (
    <LinkButton to={props.make} params={{ gw: gateway }} leftSection={<IconPlus size={16} aria-hidden />}>
      New {what}
    </LinkButton>
  ) : null;
  return (
    <>
      <PageHeader title={props.title} description={props.description} docs={props.docs} actions={isBare(rows, q) ? null : make} />
      <DataTable
        caption={`${props.title} of ${gateway}`}
        rows={rows}
        rowKey={(row) => row.id}
        columns={props.columns}
        search={q}
        onSearch={(text) => setSearch({ q: text })}
        searchLabel={props.searchLabel}
        sort={sort}
        onSort={(word) => setSearch({ sort: word })}
        filters={props.filters}
        empty={
          <EmptyState icon={props.icon} title={`No ${what} yet`} action={make}>
            {props.children}
          </EmptyState>
        }
      />
    </>
  );
}
