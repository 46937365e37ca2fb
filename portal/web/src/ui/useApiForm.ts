import { useForm, type UseFormInput, type UseFormReturnType } from '@mantine/form';
import { useState, type FormEvent } from 'react';
import { asProblem, sentence, type FieldError, type Problem } from '@/api/problem';

/** Turns a JSON pointer into the path of a form's field: `/targets/0/url` → `targets.0.url`. */
export function fieldPath(pointer: string): string {
  return pointer
    .replace(/^\//, '')
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');
}

/** Sorts a problem's errors into those that fields of the form show and the rest. */
export function placeErrors(
  problem: Problem,
  hasField: (path: string) => boolean,
  rename: Record<string, string> = {},
): { fields: Record<string, string>; rest: FieldError[] } {
  const fields: Record<string, string> = {};
  const rest: FieldError[] = [];
  for (const error of problem.errors ?? []) {
    let path = rename[error.pointer] ?? fieldPath(error.pointer);
    // An error inside a value that one field holds stands at that field.
    while (!hasField(path) && path.includes('.')) path = path.slice(0, path.lastIndexOf('.'));
    if (path !== '' && hasField(path)) fields[path] ??= sentence(error.detail);
    else rest.push(error);
  }
  return { fields, rest };
}

function has(values: unknown, path: string): boolean {
  let at: unknown = values;
  for (const step of path.split('.')) {
    if (at === null || typeof at !== 'object' || !(step in at)) return false;
    at = (at as Record<string, unknown>)[step];
  }
  return true;
}

export interface ApiForm<V extends Record<string, unknown>> {
  form: UseFormReturnType<V>;
  /** The problem of the last try; give it to ProblemNote with `rest`. */
  problem: Problem | undefined;
  rest: readonly FieldError[];
  busy: boolean;
  /** For the form element's onSubmit. */
  submit: (event?: FormEvent<HTMLFormElement>) => void;
  setProblem: (problem: Problem | undefined) => void;
}

/**
 * A form whose save calls the API: while it runs the form is busy, and what the
 * API says of a field stands beside that field, which gets the focus. `rename`
 * gives fields whose path differs from the body's pointer. Errors of pointers
 * without a field stay in `rest`.
 */
export function useApiForm<V extends Record<string, unknown>>(
  options: UseFormInput<V> & { save: (values: V) => Promise<unknown>; rename?: Record<string, string> },
): ApiForm<V> {
  const { save, rename, ...input } = options;
  const form = useForm<V>(input);
  const [problem, setProblem] = useState<Problem>();
  const [rest, setRest] = useState<readonly FieldError[]>([]);
  const [busy, setBusy] = useState(false);
  const failed = (error: unknown) => {
    const found = asProblem(error);
    const placed = placeErrors(found, (path) => has(form.getValues(), path), rename);
    form.setErrors(placed.fields);
    setRest(placed.rest);
    setProblem(found);
    const firstPath = Object.keys(placed.fields)[0];
    if (firstPath) requestAnimationFrame(() => form.getInputNode(firstPath)?.focus());
  };
  const submit = form.onSubmit(
    async (values) => {
      if (busy) return;
      setBusy(true);
      setProblem(undefined);
      setRest([]);
      try {
        await save(values);
      } catch (error) {
        failed(error);
      } finally {
        setBusy(false);
      }
    },
    (errors) => form.getInputNode(Object.keys(errors)[0] ?? '')?.focus(),
  );
  return { form, problem, rest, busy, submit, setProblem };
}
