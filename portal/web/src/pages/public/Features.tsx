import { IconArrowsSplit, IconChartHistogram, IconGitBranch, IconKey, IconListSearch, IconWorld } from '@tabler/icons-react';
import classes from './Landing.module.css';

const features = [
  {
    Icon: IconKey,
    title: 'Keys, quotas and rates that hold',
    text: 'Keys are shown once and kept as hashes. Limits are shared by all edges: the sum granted never exceeds what you set. A revoked key comes with a receipt of the edges that refuse it.',
  },
  {
    Icon: IconArrowsSplit,
    title: 'Load balancing with health',
    text: 'Five algorithms, active and passive health checks, retries within a budget. You see every target as every edge sees it.',
  },
  {
    Icon: IconGitBranch,
    title: 'Every change is a version',
    text: 'See the difference before you save, watch it go live edge by edge, and restore any former version with one click.',
  },
  {
    Icon: IconListSearch,
    title: 'Answers to “why?”',
    text: 'A live edge explains any request: which route and why not the others, what each policy said, which limits are left. The same is kept for each request that it refused.',
  },
  {
    Icon: IconChartHistogram,
    title: 'Analytics that equal the bill',
    text: 'Requests, errors, latency and bytes by route, consumer, key and target come from the ledger that invoices are made of. Alerts reach you by mail or webhook.',
  },
  {
    Icon: IconWorld,
    title: 'A portal for your consumers',
    text: 'Publish a developer portal under your name and colours: reference, try-it console, self-service keys and usage.',
  },
] as const;

export function Features() {
  return (
    <div className={classes.features}>
      {features.map(({ Icon, title, text }) => (
        <article key={title} className={classes.feature}>
          <h3>
            <Icon size={20} aria-hidden /> {title}
          </h3>
          <p>{text}</p>
        </article>
      ))}
    </div>
  );
}
