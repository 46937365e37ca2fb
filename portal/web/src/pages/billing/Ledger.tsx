import { Alert, Stack, Text } from '@mantine/core';
import type { Schemas } from '@/api/client';
import { CopyText } from '@/ui';
import { Facts } from '@/ui/Facts';
import { count } from '@/ui/format';
import { Panel } from '@/ui/Panel';
import classes from './Table.module.css';

type Found = Schemas['Reconciliation'];

/** How many keys are shown; the CSV has all. */
const most = 50;

/** The period's requests by key. */
export function Keys({ found: { keys, totals } }: { found: Found }) {
  if (keys.length === 0) return null;
  const shown = [...keys].sort((a, b) => b.requests - a.requests).slice(0, most);
  return (
    <Panel title="By key" text={keys.length > most ? `The ${most} with the most requests of ${count(keys.length)}; the CSV has all, by hour.` : 'The CSV has them by hour and route.'}>
      <div className={`tg-panel ${classes.wrap}`} tabIndex={0} role="region" aria-label="Billed requests by key">
        <table className={`${classes.table} tg-figures`}>
          <thead>
            <tr>
              <th scope="col">Key</th>
              <th scope="col">Consumer</th>
              <th scope="col">Gateway</th>
              <th scope="col">Requests</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((k) => (
              <tr key={`${k.gateway} ${k.consumer} ${k.key}`}>
                <th scope="row" className={k.key ? 'tg-mono' : undefined}>
                  {k.key || 'Without a key'}
                </th>
                <td data-label="Consumer">{k.consumer || '–'}</td>
                <td data-label="Gateway">{k.gateway}</td>
                <td data-label="Requests">{count(k.requests)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colSpan={3}>
                All keys
              </th>
              <td>{count(keys.reduce((sum, k) => sum + k.requests, 0))}</td>
            </tr>
            <tr>
              <th scope="row" colSpan={3}>
                All hours
              </th>
              <td>{count(totals.ledger_requests)}</td>
            </tr>
          </tfoot>
        </table>
      </div>
    </Panel>
  );
}

/** That the ledger's hours are as they were sealed. */
export function Chain({ found: { chain, hours } }: { found: Found }) {
  const entries = hours.flatMap((h) => (h.seq === undefined ? [] : [h.seq]));
  return (
    <Panel title="The ledger’s seal" text="Each hour, once it is complete, is sealed by a hash over itself and all before it: a change after the fact would show here.">
      {chain.intact ? (
        <Stack className="tg-panel" p="lg">
          {chain.last ? (
            <Facts
              facts={[
                ['State', 'Intact'],
                ['Entries', entries.length > 0 ? `${count(Math.min(...entries))} to ${count(Math.max(...entries))}` : undefined],
                ['Last hash', <CopyText key="h" text={chain.last} label="hash" />],
              ]}
            />
          ) : (
            <Text>No hour of this period is sealed yet. An hour is sealed within two hours of its end.</Text>
          )}
        </Stack>
      ) : (
        <Alert color="red" title="The ledger was changed after it was sealed">
          The hours of this period do not agree with their hashes. Write to the operator of this Tollgate before you pay.
        </Alert>
      )}
    </Panel>
  );
}
