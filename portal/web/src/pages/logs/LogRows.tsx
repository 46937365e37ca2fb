import { Skeleton, VisuallyHidden } from '@mantine/core';
import { IconChevronRight } from '@tabler/icons-react';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { exactTime, milliseconds } from '@/ui/format';
import { LogDetail } from './LogDetail';
import classes from './Logs.module.css';
import type { LogRecord } from './tail';

export interface LogRowsProps {
  gateway: string;
  lines: readonly LogRecord[];
  open: ReadonlySet<string>;
  onToggle: (id: string) => void;
  /** Called when the end comes in sight. */
  onEnd?: () => void;
}

/** Lines of a log; only those in sight are in the document, and each opens to its detail. */
export function LogRows({ gateway, lines, open, onToggle, onEnd }: LogRowsProps) {
  const list = useRef<HTMLUListElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setTop((list.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);
  const virtual = useWindowVirtualizer({
    count: lines.length,
    estimateSize: () => 38,
    overscan: 15,
    scrollMargin: top,
    getItemKey: (i) => lines[i]?.id ?? i,
  });
  const inSight = virtual.getVirtualItems();
  const last = inSight.at(-1)?.index ?? -1;
  useEffect(() => {
    if (onEnd && last >= lines.length - 10) onEnd();
  }, [onEnd, last, lines.length]);
  return (
    <>
      <div className={classes.head} aria-hidden>
        <span />
        <span>Time</span>
        <span>Status</span>
        <span>Method</span>
        <span>Path</span>
        <span className={classes.wide}>Route</span>
        <span className={classes.wide}>Consumer</span>
        <span className={classes.number}>Took</span>
      </div>
      <ul className={classes.list} ref={list} style={{ height: virtual.getTotalSize() }} aria-label="Requests, the newest first">
        {inSight.map((v) => {
          const line = lines[v.index];
          if (!line) return null;
          return (
            <li key={v.key} ref={virtual.measureElement} data-index={v.index} className={classes.item} style={{ transform: `translateY(${v.start - top}px)` }}>
              <Line line={line} open={open.has(line.id)} onToggle={onToggle} />
              {open.has(line.id) ? <LogDetail gateway={gateway} record={line} /> : null}
            </li>
          );
        })}
      </ul>
    </>
  );
}

function tone(line: LogRecord): string | undefined {
  if (line.status >= 500 || line.aborted) return classes.bad;
  if (line.status >= 400) return classes.warn;
  return line.status >= 300 ? undefined : classes.good;
}

function Line({ line, open, onToggle }: { line: LogRecord; open: boolean; onToggle: (id: string) => void }) {
  return (
    <button type="button" className={classes.row} aria-expanded={open} onClick={() => onToggle(line.id)}>
      <IconChevronRight size={14} className={classes.chevron} aria-hidden />
      <span className={`${classes.time} ${classes.cut}`}>{exactTime(line.time)}</span>
      <span className={`${classes.status} ${tone(line) ?? ''}`}>{line.status}</span>
      <span className={classes.method}>{line.method}</span>
      <span className={`${classes.path} ${classes.cut} tg-mono`}>
        <span className={classes.verb}>{line.method} </span>
        {line.path}
        {line.query ? <span className={classes.dim}>?{line.query}</span> : null}
        {line.code ? <span className={tone(line)}> {line.code}</span> : null}
      </span>
      <span className={`${classes.wide} ${classes.cut}`}>{line.route}</span>
      <span className={`${classes.wide} ${classes.cut}`}>{line.consumer}</span>
      <span className={`${classes.took} ${classes.number} ${classes.dim}`}>{line.edge_ms === undefined ? '' : milliseconds(line.edge_ms + (line.upstream_ms ?? 0))}</span>
    </button>
  );
}

/** Lines to come. */
export function LogSkeleton() {
  return (
    <div role="status">
      <VisuallyHidden>Loading</VisuallyHidden>
      {Array.from({ length: 12 }, (_, i) => (
        <div key={i} style={{ padding: '11px 14px', borderBottom: '1px solid var(--tg-line)' }}>
          <Skeleton height={14} width={`${[88, 74, 92, 80][i % 4]}%`} />
        </div>
      ))}
    </div>
  );
}
