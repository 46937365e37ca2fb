import { IconCheck } from '@tabler/icons-react';
import classes from './Landing.module.css';

const steps = [
  ['Route', 'orders, by GET /orders/*'],
  ['API key', 'tg_live_8Kq… of consumer acme'],
  ['Rate', '50 a second, 49 left'],
  ['Quota', '10,000 a day, 6,214 left'],
  ['Upstream', 'orders-backend, least busy of 3 targets'],
] as const;

/** What Explain says of a request, as a sample. */
export function SampleTrace() {
  return (
    <figure className={classes.trace} style={{ margin: 0 }} aria-label="A sample request, explained step by step">
      <div className={classes.request}>
        <strong>GET</strong> <span>shop.example.com/orders/7</span>
      </div>
      <ol className={classes.steps}>
        {steps.map(([what, value]) => (
          <li key={what} className={classes.step}>
            <IconCheck size={16} aria-hidden />
            <span className={classes.what}>{what}</span>
            <span className={classes.value}>{value}</span>
          </li>
        ))}
      </ol>
      <figcaption className={classes.answer}>Sent on, answered with 200, counted once.</figcaption>
    </figure>
  );
}
