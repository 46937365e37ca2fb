import { Link } from '@tanstack/react-router';
import classes from './Shell.module.css';

/** The mark: a post with a raised barrier. */
export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden focusable="false">
      <rect width="32" height="32" rx="7" fill="#12343b" />
      <path d="M8 25V11" stroke="#f4f1ea" strokeWidth="4" strokeLinecap="round" />
      <path d="M9 12.5 25.5 8" stroke="#f0a81c" strokeWidth="4" strokeLinecap="round" />
      <path d="m14.4 11 3.2-.9" stroke="#12343b" strokeWidth="4" />
    </svg>
  );
}

/** The mark with the name, leading to the start. */
export function Brand({ to }: { to: '/' | '/gateways' }) {
  return (
    <Link to={to} className={classes.brand}>
      <Mark /> Tollgate
    </Link>
  );
}
