import { useCallback, useEffect, useMemo, useState, type ReactNode } from 'react';
import type { Schemas } from '@/api/client';
import { errorOf, useCheck, type Checked } from '@/api/check';
import type { FieldError } from '@/api/problem';
import { useMay } from '@/api/session';
import { useMadeVersion } from '@/api/versions';
import { sameJSON } from './code/text';
import { touched } from './draft';
import type { SaveBarProps } from './SaveBar';
import { SavedNote } from './SavedNote';
import { useSearchParams } from './useSearchParams';

export interface DraftOptions<Saved, Input extends object> {
  gateway: string;
  /** What is being changed; left out for a new one. */
  saved?: Saved;
  /** What a new one begins with; the same object each time. */
  start: Input;
  /** What of the saved one is input: without what the API adds. */
  inputOf: (saved: Saved) => Input;
  /** The body of the check of a draft. */
  bodyOf: (draft: Input, base: Saved | undefined) => Schemas['CheckInput'];
  /** What is said at the name when another one has it. */
  nameTaken?: string;
  /** Saves a draft, reads again what that changed, and goes to its page when it has another one now. */
  save: (draft: Input, base: Saved | undefined) => Promise<Saved | undefined>;
}

export interface Draft<Saved, Input> {
  /** As it was saved last; undefined while it is new. */
  base: Saved | undefined;
  draft: Input;
  setDraft: (draft: Input) => void;
  dirty: boolean;
  /** Whether this user may change it. */
  may: boolean;
  check: Checked;
  errors: FieldError[];
  /** Mistakes may be shown also where nobody has written yet. */
  strict: boolean;
  /** What to say at a field, once it has been written in. */
  errorAt: (pointer: string, deep?: boolean) => string | undefined;
  /** Which version the last save made and where that is live; null before. */
  note: ReactNode;
  /** All of the save bar but the words on its button. */
  bar: Omit<SaveBarProps, 'action'>;
}

/** One draft of something in a gateway's configuration: checked by the API while it is written, saved when its changes were seen. */
export function useDraft<Saved, Input extends object>(options: DraftOptions<Saved, Input>): Draft<Saved, Input> {
  const { gateway, start, inputOf, bodyOf } = options;
  const may = useMay('gateways:write');
  const made = useMadeVersion(gateway);
  const [search, setSearch] = useSearchParams();
  const [base, setBase] = useState(options.saved);
  const initial = useMemo(() => (base ? inputOf(base) : start), [base, start, inputOf]);
  const [draft, setDraft] = useState(initial);
  const [tried, setTried] = useState(false);
  const [noted, setNoted] = useState(false);
  const dirty = !sameJSON(draft, initial);
  const body = useMemo(() => bodyOf(draft, base), [draft, base, bodyOf]);
  const check = useCheck(gateway, body, may && dirty);
  const taken = options.nameTaken !== undefined && check.problem?.code === 'name_taken';
  const errors = taken ? [{ pointer: '/name', detail: options.nameTaken ?? '' }] : check.errors;
  const strict = tried || base !== undefined;
  const errorAt = useCallback(
    (pointer: string, deep = false) => (strict || touched(initial, draft, pointer) ? errorOf(errors, pointer, deep) : undefined),
    [strict, initial, draft, errors],
  );
  // What others saved meanwhile, such as a release's next step, is taken over while
  // nothing is being written.
  const saved = options.saved;
  useEffect(() => {
    if (!saved || dirty) return;
    setBase(saved);
    setDraft(inputOf(saved));
    // Only of a new one: what is written here is not undone by it.
  }, [saved]);
  const save = async () => {
    const data = await options.save(draft, base);
    if (!data) return;
    setBase(data);
    setDraft(inputOf(data));
    setTried(false);
    setNoted(true);
  };
  const close = () => {
    setNoted(false);
    setSearch({ saved: undefined });
  };
  return {
    base, draft, setDraft, dirty, may, check, errors, strict, errorAt,
    // A new one's page is another one, which learns of the save by its address.
    note: noted || search.saved ? <SavedNote gateway={gateway} version={made ?? 0} onClose={close} /> : null,
    bar: {
      dirty,
      fresh: base === undefined,
      wrong: dirty && check.settled && check.problem ? Math.max(1, errors.length) : 0,
      checking: !check.settled,
      changes: check.changes,
      onTry: () => setTried(true),
      onSave: save,
      onReset: base ? () => setDraft(initial) : undefined,
    },
  };
}
