import { VisuallyHidden } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './Guide.module.css';

export type StepState = 'done' | 'now' | 'later';

export interface StepProps {
  number: number;
  title: string;
  state: StepState;
  /** What was done, once it is. */
  summary?: ReactNode;
  children: ReactNode;
}

const words: Record<StepState, string> = { done: 'Done:', now: 'Next:', later: 'Later:' };

/** One step of the guide: open when it is its turn, one line when it is done. */
export function Step({ number, title, state, summary, children }: StepProps) {
  return (
    <li className={classes.step} data-state={state} aria-current={state === 'now' ? 'step' : undefined}>
      <span className={classes.number} aria-hidden>
        {state === 'done' ? <IconCheck size={15} /> : number}
      </span>
      <h2 className={classes.title}>
        <VisuallyHidden>{words[state]} </VisuallyHidden>
        {title}
      </h2>
      {state === 'done' && summary ? <p className={classes.summary}>{summary}</p> : null}
      {state === 'now' ? <div className={classes.body}>{children}</div> : null}
    </li>
  );
}
