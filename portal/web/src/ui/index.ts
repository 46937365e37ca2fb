// What pages use. The parts that load more code (DiffView, editors, charts) are
// imported from their own files.
export { PageHeader } from './PageHeader';
export { EmptyState } from './EmptyState';
export { ErrorState } from './ErrorState';
export { Loaded } from './Loaded';
export { useAction } from './useAction';
export { PanelSkeleton, FormSkeleton, FiguresSkeleton, ChartSkeleton } from './Skeletons';
export { DataTable, type Column } from './DataTable';
export { isBare, useRows, type Rows, type ListPage } from './useRows';
export { useSearchParams } from './useSearchParams';
export { useApiForm, type ApiForm } from './useApiForm';
export { ProblemNote } from './ProblemNote';
export { ConfirmDanger } from './ConfirmDanger';
export { CopyOnce } from './CopyOnce';
export { CopyText, CopyIcon } from './CopyText';
export { LiveBadge } from './LiveBadge';
export { StateDot, type DotState } from './StateDot';
export { DeliveryState } from './DeliveryState';
export { Time } from './Time';
export { TimeRange } from './TimeRange';
export { rangeOf, intervalOf, type Range, type RangeWords } from './range';
export { done, failed } from './notify';
