import type { ReactNode } from 'react';
import classes from './Facts.module.css';

/** What is known of one thing, as pairs of a word and a value; pairs without a value are left out. */
export function Facts({ facts }: { facts: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className={classes.facts}>
      {facts.map(([title, value]) =>
        value === undefined || value === null || value === '' ? null : (
          <div key={title}>
            <dt>{title}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}
