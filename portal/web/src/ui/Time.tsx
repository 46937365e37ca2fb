import { Tooltip } from '@mantine/core';
import { useEffect, useState } from 'react';
import { ago, dateTime } from './format';

/** A moment as "3 minutes ago", with the exact time to read; it moves on by itself. */
export function Time({ at }: { at: string }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <Tooltip label={dateTime(at)}>
      <time dateTime={at} style={{ whiteSpace: 'nowrap' }}>
        {ago(at, now)}
      </time>
    </Tooltip>
  );
}
