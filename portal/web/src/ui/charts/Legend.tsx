import type { ChartSeries } from './TimeChart';

export interface LegendProps {
  series: ChartSeries[];
  hidden: ReadonlySet<string>;
  onToggle: (id: string) => void;
}

/** The names of a chart's series; each is a button that hides it. */
export function Legend({ series, hidden, onToggle }: LegendProps) {
  return (
    <ul className="tg-chart-legend" aria-label="Series; press one to hide or show it">
      {series.map((s) => (
        <li key={s.id} style={{ minWidth: 0, maxWidth: '100%' }}>
          <button type="button" aria-pressed={!hidden.has(s.id)} onClick={() => onToggle(s.id)} title={s.label}>
            <Swatch series={s} />
            <span className="tg-chart-name">{s.label}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Swatch({ series }: { series: ChartSeries }) {
  return (
    <svg width={series.kind === 'bar' ? 11 : 22} height={11} aria-hidden focusable="false">
      {series.kind === 'bar' ? (
        <rect width={11} height={11} rx={2} fill={series.color} />
      ) : (
        <line x1={0} x2={22} y1={5.5} y2={5.5} stroke={series.color} strokeWidth={2.5} strokeDasharray={series.dash} />
      )}
    </svg>
  );
}
