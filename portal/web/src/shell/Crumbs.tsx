import { Link, useMatches } from '@tanstack/react-router';
import { billingNav, gatewayNav, operatorNav, organizationNav } from './nav';
import classes from './Shell.module.css';

const items = [...gatewayNav.flatMap((group) => group.items), ...organizationNav, ...billingNav, ...operatorNav];

/** Where the page stands: each step a link, the last one the page itself. */
export function Crumbs() {
  const matches = useMatches();
  const steps = matches.flatMap((match) => {
    const { title, under } = match.staticData;
    if (!title) return [];
    const text = typeof title === 'function' ? title(match.params as Record<string, string>) : title;
    const step = { id: match.id, text, to: match.pathname };
    const parent = under && items.find((item) => item.to === under);
    const gateway = (match.params as Record<string, string>).gw ?? '';
    return parent ? [{ id: under, text: parent.label, to: under.startsWith('/') ? under : `/gateways/${encodeURIComponent(gateway)}/${under}` }, step] : [step];
  });
  const inGateway = matches.some((m) => m.pathname.startsWith('/gateways/'));
  if (inGateway) steps.unshift({ id: 'gateways', text: 'Gateways', to: '/gateways' });
  // A folder without a page of its own is a word, not a link.
  const folder = new Set(['/organization', '/billing', '/operator', '/account']);
  if (steps.length < 2) return null; // the page's title says it
  return (
    <nav aria-label="Breadcrumbs">
      <ol className={classes.crumbs}>
        {steps.map((step, i) => (
          <li key={step.id}>
            {i === steps.length - 1 ? (
              <span aria-current="page">{step.text}</span>
            ) : folder.has(step.to.replace(/\/$/, '')) ? (
              step.text
            ) : (
              <Link to={step.to}>{step.text}</Link>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}
