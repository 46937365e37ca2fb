import { Text } from '@mantine/core';
import { count, dateTime, exactMoney, utcDate } from '@/ui/format';
import { Panel } from '@/ui/Panel';
import type { Subscription } from './act';
import classes from './Table.module.css';

export interface EstimateProps {
  subscription: Subscription;
  titles: Record<string, string>;
}

/** What the running period costs so far, line by line, and what it will cost at this pace. */
export function Estimate({ subscription, titles }: EstimateProps) {
  const { estimate, plan, period_end: end, credit_cents: credit } = subscription;
  if (!estimate) return null;
  const cents = (n: number) => exactMoney(n, plan.currency);
  return (
    <Panel title="What this period costs" text={`As the ledger stood at ${dateTime(estimate.as_of)}, before taxes. Requests are billed at the plan that they were served on.`}>
      <div className={`tg-panel ${classes.wrap}`} tabIndex={0} role="region" aria-label="What this period costs, line by line">
        <table className={`${classes.table} tg-figures`}>
          <thead>
            <tr>
              <th scope="col">Plan</th>
              <th scope="col">Requests</th>
              <th scope="col">Included</th>
              <th scope="col">Beyond</th>
              <th scope="col">Price of those</th>
              <th scope="col">Base price</th>
            </tr>
          </thead>
          <tbody>
            {estimate.lines.map((line) => (
              <tr key={line.plan}>
                <th scope="row">{titles[line.plan] ?? line.plan}</th>
                <td data-label="Requests">{count(line.requests)}</td>
                <td data-label="Included">{count(line.included)}</td>
                <td data-label="Beyond">{count(line.overage_requests)}</td>
                <td data-label="Price of those">{cents(line.overage_cents)}</td>
                <td data-label="Base price">{cents(line.base_cents)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colSpan={5}>
                So far
              </th>
              <td>{cents(estimate.total_cents)}</td>
            </tr>
            <tr>
              <th scope="row" colSpan={5}>
                By {utcDate(end)}, at this pace
              </th>
              <td>about {cents(estimate.forecast_total_cents)}</td>
            </tr>
          </tfoot>
        </table>
      </div>
      {credit ? (
        <Text size="sm" mt="xs">
          A credit of <strong>{cents(credit)}</strong> is taken off the next invoices.
        </Text>
      ) : null}
    </Panel>
  );
}
