import type { components } from './schema';

type ProblemBody = components['schemas']['Problem'];

/** FieldError is one bad field: a JSON pointer into the body and what is wrong. */
export interface FieldError {
  pointer: string;
  detail: string;
}

/**
 * Problem is every way in which a call of the API can fail: an RFC 9457 document
 * that the portal sent, or no answer at all (status 0, code "unreachable").
 */
export class Problem extends Error implements ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly request_id: string;
  readonly errors?: FieldError[];

  constructor(body: ProblemBody) {
    super(body.detail ?? body.title);
    this.name = 'Problem';
    this.type = body.type;
    this.title = body.title;
    this.status = body.status;
    this.code = body.code;
    this.detail = body.detail;
    this.request_id = body.request_id;
    this.errors = body.errors;
  }

  /** What is wrong with one field of the body, or undefined. */
  at(pointer: string): string | undefined {
    return this.errors?.find((e) => e.pointer === pointer)?.detail;
  }
}

/** Reads the problem of a failed answer; what is no problem document becomes one. */
export async function problemOf(response: Response): Promise<Problem> {
  const requestId = response.headers.get('X-Request-Id') ?? '';
  if (response.headers.get('Content-Type')?.startsWith('application/problem+json')) {
    try {
      return new Problem((await response.clone().json()) as ProblemBody);
    } catch {
      // Cut off on the way: the status still tells something.
    }
  }
  return new Problem({
    type: 'about:blank',
    title: `The portal answered ${response.status}`,
    status: response.status,
    code: 'unexpected',
    request_id: requestId,
  });
}

/** The problem of a request that got no answer. */
export function unreachable(): Problem {
  return new Problem({
    type: 'about:blank',
    title: 'The portal can’t be reached',
    status: 0,
    code: 'unreachable',
    detail: 'Check your connection, then try again.',
    request_id: '',
  });
}

/** Turns whatever was thrown into a Problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem({
    type: 'about:blank',
    title: 'Something went wrong in this page',
    status: 0,
    code: 'page_error',
    detail: error instanceof Error ? error.message : String(error),
    request_id: '',
  });
}

/**
 * A sentence for a person about a field: details of the API begin with a verb
 * ("must be …", "is missing") and read on from the field's label.
 */
export function sentence(detail: string, label?: string): string {
  const text = label ? `${label} ${detail}` : detail;
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}
