import { Tabs } from '@mantine/core';
import { lazy, Suspense, type ReactNode } from 'react';
import { PanelSkeleton, ProblemNote, useSearchParams } from '@/ui';
import { SaveBar } from '@/ui/SaveBar';
import type { Draft } from '@/ui/useDraft';

const DocumentEditor = lazy(() => import('@/ui/code/DocumentEditor').then((m) => ({ default: m.DocumentEditor })));

export interface PartEditorProps<Saved, Input extends { name?: string }> {
  /** One of them, in lower case: "stream". */
  what: string;
  of: Draft<Saved, Input>;
  /** The fields. */
  children: ReactNode;
  /** A tab between the form and the document, in which nothing is saved. */
  beside?: { value: string; label: string; panel: ReactNode };
}

/** One draft of a part of a gateway, as a form and as a document. */
export function PartEditor<Saved, Input extends { name?: string }>({ what, of, children, beside }: PartEditorProps<Saved, Input>) {
  const [search, setSearch] = useSearchParams();
  const { base, draft, setDraft, dirty, may, check, errors, note, bar } = of;
  const rest = errors.filter((e) => e.pointer === '');
  return (
    <>
      {note}
      <Tabs value={search.tab ?? 'form'} onChange={(tab) => setSearch({ tab: tab === 'form' ? undefined : (tab ?? undefined) })} keepMounted={false} mt="sm">
        <Tabs.List mb="lg">
          <Tabs.Tab value="form" tt="capitalize">
            {what}
          </Tabs.Tab>
          {beside ? <Tabs.Tab value={beside.value}>{beside.label}</Tabs.Tab> : null}
          <Tabs.Tab value="code">YAML and JSON</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="form">{children}</Tabs.Panel>
        {beside ? <Tabs.Panel value={beside.value}>{beside.panel}</Tabs.Panel> : null}
        <Tabs.Panel value="code">
          <Suspense fallback={<PanelSkeleton lines={10} />}>
            <DocumentEditor label={`The ${what} ${draft.name ?? ''}`} value={draft} onChange={(value) => setDraft(value as unknown as Input)} readOnly={!may} />
          </Suspense>
          <ProblemNote problem={dirty && check.settled ? check.problem : undefined} rest={errors} />
        </Tabs.Panel>
      </Tabs>
      {search.tab !== 'code' && check.problem && (rest.length > 0 || errors.length === 0) ? <ProblemNote problem={check.problem} rest={rest} /> : null}
      {may && search.tab !== beside?.value ? <SaveBar action={base ? `Save the ${what}` : `Make the ${what}`} {...bar} /> : null}
    </>
  );
}
