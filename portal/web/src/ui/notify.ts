import { notifications } from '@mantine/notifications';
import { asProblem } from '@/api/problem';

const closeButtonProps = { 'aria-label': 'Close this message' };

/** Says shortly that something is done. */
export function done(message: string): void {
  notifications.show({ message, color: 'green', autoClose: 4000, withBorder: true, closeButtonProps });
}

/** Says why an action without a form failed. */
export function failed(error: unknown): void {
  const problem = asProblem(error);
  notifications.show({ title: problem.title, message: problem.detail ?? '', color: 'red', autoClose: 10_000, withBorder: true, role: 'alert', closeButtonProps });
}
