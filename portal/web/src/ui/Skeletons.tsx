import { SimpleGrid, Skeleton, Stack, VisuallyHidden } from '@mantine/core';

const rows = (n: number) => Array.from({ length: n }, (_, i) => i);

/** A panel with some lines of text to come. */
export function PanelSkeleton({ lines = 5 }: { lines?: number }) {
  return (
    <Stack gap="sm" className="tg-panel" p="lg" role="status">
      <VisuallyHidden>Loading</VisuallyHidden>
      {rows(lines).map((i) => (
        <Skeleton key={i} height={14} width={`${[92, 76, 84, 58, 70][i % 5]}%`} />
      ))}
    </Stack>
  );
}

/** Fields with their labels to come. */
export function FormSkeleton({ fields = 4 }: { fields?: number }) {
  return (
    <Stack gap="lg" maw="36rem" role="status">
      <VisuallyHidden>Loading</VisuallyHidden>
      {rows(fields).map((i) => (
        <div key={i}>
          <Skeleton height={12} width={120} mb={8} />
          <Skeleton height={36} />
        </div>
      ))}
    </Stack>
  );
}

/** Figures side by side to come. */
export function FiguresSkeleton({ figures = 4 }: { figures?: number }) {
  return (
    <div role="status">
      <VisuallyHidden>Loading</VisuallyHidden>
      <SimpleGrid cols={{ base: 2, sm: figures }} spacing="md">
        {rows(figures).map((i) => (
          <Stack key={i} gap="xs" className="tg-panel" p="md" mih={110}>
            <Skeleton height={11} width={70} />
            <Skeleton height={24} width={96} />
          </Stack>
        ))}
      </SimpleGrid>
    </div>
  );
}

/** A chart to come, as high as the chart. */
export function ChartSkeleton({ height = 240 }: { height?: number }) {
  return (
    <div role="status">
      <VisuallyHidden>Loading</VisuallyHidden>
      <Skeleton height={height} radius="md" />
    </div>
  );
}
