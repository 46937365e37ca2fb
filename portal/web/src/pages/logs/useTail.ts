import { useEffect, useRef, useState } from 'react';
import { prepend } from './lines';
import type { LogQuery } from './query';
import { tail, type LogRecord, type TailState } from './tail';

export interface Tail {
  /** Newest first. */
  lines: LogRecord[];
  /** Lines that came while the view was held. */
  waiting: number;
  state: TailState;
  /** Lines were skipped, because more came than could be read. */
  gap: boolean;
}

const nothing: Tail = { lines: [], waiting: 0, state: { kind: 'connecting' }, gap: false };

/** Follows a gateway's log while `on`; while `held`, what is shown stays and new lines wait. */
export function useTail(gateway: string, filters: Partial<LogQuery>, on: boolean, held: boolean): Tail {
  const [shown, setShown] = useState(nothing);
  const all = useRef<LogRecord[]>([]);
  const holding = useRef(held);
  const words = JSON.stringify(filters);
  useEffect(() => {
    holding.current = held;
    if (!held) setShown((s) => (s.waiting === 0 ? s : { ...s, lines: all.current, waiting: 0 }));
  }, [held]);
  useEffect(() => {
    if (!on) return;
    const stop = new AbortController();
    all.current = [];
    setShown(nothing);
    const listener = {
      state: (state: TailState) => setShown((s) => ({ ...s, state })),
      gap: () => setShown((s) => ({ ...s, gap: true })),
      lines: (lines: LogRecord[]) => {
        const before = all.current[0]?.id;
        all.current = prepend(all.current, lines);
        if (all.current[0]?.id === before) return;
        // What comes first is shown at once, held or not.
        if (holding.current && before !== undefined) setShown((s) => ({ ...s, waiting: Math.min(s.waiting + lines.length, all.current.length) }));
        else setShown((s) => ({ ...s, lines: all.current, waiting: 0 }));
      },
    };
    void tail(gateway, JSON.parse(words) as Partial<LogQuery>, listener, stop.signal);
    return () => stop.abort();
  }, [gateway, words, on]);
  return shown;
}
