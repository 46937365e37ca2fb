import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useDebouncedValue } from '@mantine/hooks';
import { api, type Schemas } from './client';
import { asProblem, sentence, type FieldError, type Problem } from './problem';

export interface Checked {
  /** What saving would change; undefined while it is wrong or not yet checked. */
  changes: Schemas['Difference'][] | undefined;
  problem: Problem | undefined;
  /** Errors with pointers into the resource: `/match/path`. */
  errors: FieldError[];
  /** The answer belongs to what was written last. */
  settled: boolean;
}

/** Pointers into the body of a check or a save, as pointers into the resource itself. */
export function within(errors: readonly FieldError[] | undefined, field: string): FieldError[] {
  return (errors ?? []).map((e) => ({ ...e, pointer: e.pointer.startsWith(`/${field}`) ? e.pointer.slice(field.length + 1) : e.pointer }));
}

/** The API's opinion of what is being written, asked for whenever the writing rests. */
export function useCheck(gateway: string, body: Schemas['CheckInput'], enabled = true): Checked {
  const [rested] = useDebouncedValue(body, 400);
  const field = body.route ? 'route' : body.upstream ? 'upstream' : 'policies';
  const query = useQuery({
    queryKey: ['check', gateway, rested],
    queryFn: async ({ signal }) => {
      try {
        const { data } = await api.POST('/v1/gateways/{gateway}/config/check', { params: { path: { gateway } }, body: rested, signal });
        return { changes: data?.changes, problem: undefined };
      } catch (error) {
        const problem = asProblem(error);
        // A refusal is an answer; no answer is asked for again.
        if (problem.status === 0 || problem.status >= 500) throw problem;
        return { changes: undefined, problem };
      }
    },
    enabled,
    placeholderData: keepPreviousData,
    gcTime: 10_000,
    staleTime: 2_000,
  });
  const problem = query.error ? asProblem(query.error) : query.data?.problem;
  return {
    changes: query.data?.changes,
    problem,
    errors: within(problem?.errors, field),
    settled: rested === body && !query.isFetching && !query.isPlaceholderData,
  };
}

/** What is said of a pointer or, for values that one field holds, of anything below it. */
export function errorOf(errors: readonly FieldError[], pointer: string, deep = true): string | undefined {
  const found = errors.find((e) => e.pointer === pointer) ?? (deep ? errors.find((e) => e.pointer.startsWith(`${pointer}/`)) : undefined);
  return found && sentence(found.detail);
}
