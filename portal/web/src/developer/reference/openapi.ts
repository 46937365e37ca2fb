/** An object of an OpenAPI document, of which nothing is taken for granted: owners upload theirs. */
export type Node = Record<string, unknown>;

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  description: string;
  type: string;
  example: string;
}

export interface Body {
  required: boolean;
  description: string;
  contentType: string;
  schema: Node | undefined;
  example: string;
}

export interface Answer {
  status: string;
  description: string;
  schema: Node | undefined;
}

export interface Operation {
  id: string;
  method: string;
  path: string;
  tag: string;
  summary: string;
  description: string;
  deprecated: boolean;
  /** Whether the document asks for a key. */
  secured: boolean;
  parameters: Parameter[];
  body: Body | undefined;
  answers: Answer[];
}

/** How a key is sent: the first scheme of the document that is understood. */
export type Scheme = { in: 'header'; name: string; prefix: string } | { in: 'query'; name: string };

const methods = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'] as const;

export const isNode = (value: unknown): value is Node => value !== null && typeof value === 'object' && !Array.isArray(value);
const nodes = (value: unknown): Node[] => (Array.isArray(value) ? value.filter(isNode) : []);
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Follows a local reference, at most some steps: documents may refer in circles. */
export function resolve(doc: Node, value: unknown): Node | undefined {
  let at = value;
  for (let steps = 0; steps < 10 && isNode(at) && typeof at.$ref === 'string'; steps++) {
    if (!at.$ref.startsWith('#/')) return undefined;
    let to: unknown = doc;
    for (const step of at.$ref.slice(2).split('/')) {
      const name = decode(step);
      to = isNode(to) && Object.hasOwn(to, name) ? to[name] : undefined;
    }
    at = to;
  }
  return isNode(at) && typeof at.$ref !== 'string' ? at : undefined;
}

function decode(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return step;
  }
}

/** The type of a schema in a few words: "string, one of a, b". */
export function typeWords(doc: Node, schema: unknown, depth = 0): string {
  const s = resolve(doc, schema);
  if (!s || depth > 4) return 'any';
  if (Array.isArray(s.enum)) return `one of ${s.enum.map(String).join(', ')}`;
  if (s.type === 'array') return `list of ${typeWords(doc, s.items, depth + 1)}`;
  const type = Array.isArray(s.type) ? s.type.map(String).join(' or ') : text(s.type) || (isNode(s.properties) ? 'object' : 'any');
  return s.format ? `${type} (${text(s.format)})` : type;
}

/** A value that fits a schema, for the reader to begin with. */
export function exampleOf(doc: Node, schema: unknown, depth = 0): unknown {
  const s = resolve(doc, schema);
  if (!s || depth > 6) return null;
  for (const name of ['example', 'default', 'const'] as const) if (s[name] !== undefined) return s[name];
  if (Array.isArray(s.examples) && s.examples.length > 0) return s.examples[0];
  if (Array.isArray(s.enum)) return s.enum[0];
  for (const name of ['allOf', 'oneOf', 'anyOf'] as const) {
    const of = nodes(s[name]);
    if (of.length > 0) return name === 'allOf' ? Object.assign({}, ...of.map((part) => exampleOf(doc, part, depth + 1))) : exampleOf(doc, of[0], depth + 1);
  }
  const type = Array.isArray(s.type) ? s.type[0] : s.type;
  if (type === 'object' || isNode(s.properties)) {
    const properties = isNode(s.properties) ? s.properties : {};
    return Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, exampleOf(doc, part, depth + 1)]));
  }
  if (type === 'array') return [exampleOf(doc, s.items, depth + 1)];
  return { string: 'text', integer: 1, number: 1.5, boolean: true }[String(type)] ?? null;
}

/** Every operation of the document, in its order. */
export function operationsOf(doc: Node): Operation[] {
  const paths = isNode(doc.paths) ? doc.paths : {};
  return Object.entries(paths).flatMap(([path, value]) => {
    const item = resolve(doc, value);
    if (!item) return [];
    return methods.flatMap((method) => {
      const op = item[method];
      return isNode(op) ? [operation(doc, path, method, op, item)] : [];
    });
  });
}

function operation(doc: Node, path: string, method: string, op: Node, item: Node): Operation {
  const given = [...nodes(item.parameters), ...nodes(op.parameters)].map((p) => resolve(doc, p)).filter((p) => p !== undefined);
  const unique = new Map(given.map((p) => [`${text(p.in)} ${text(p.name)}`, p]));
  const security = op.security ?? doc.security;
  return {
    id: `${method} ${path}`,
    method: method.toUpperCase(),
    path,
    tag: Array.isArray(op.tags) ? text(op.tags[0]) : '',
    summary: text(op.summary),
    description: text(op.description),
    deprecated: op.deprecated === true,
    secured: Array.isArray(security) && security.length > 0,
    parameters: [...unique.values()].flatMap((p) => parameter(doc, p)),
    body: bodyOf(doc, op.requestBody),
    answers: answersOf(doc, op.responses),
  };
}

function parameter(doc: Node, p: Node): Parameter[] {
  const where = p.in;
  if (where !== 'path' && where !== 'query' && where !== 'header') return [];
  const example = p.example ?? resolve(doc, p.schema)?.example ?? resolve(doc, p.schema)?.default;
  return [
    {
      name: text(p.name), in: where, required: p.required === true || where === 'path', description: text(p.description), type: typeWords(doc, p.schema),
      example: example === undefined || isNode(example) ? '' : String(example),
    },
  ];
}

function bodyOf(doc: Node, value: unknown): Body | undefined {
  const body = resolve(doc, value);
  if (!body) return undefined;
  const content = isNode(body.content) ? body.content : {};
  const types = Object.keys(content);
  const type = types.find((t) => t.includes('json')) ?? types[0];
  const media = type === undefined ? undefined : content[type];
  const schema = isNode(media) ? resolve(doc, media.schema) : undefined;
  const example = isNode(media) && media.example !== undefined ? media.example : schema && Object.keys(schema).length > 0 ? exampleOf(doc, schema) : undefined;
  return {
    required: body.required === true,
    description: text(body.description),
    contentType: type === undefined || type === '*/*' ? 'application/json' : type,
    schema,
    example: example === undefined ? '' : typeof example === 'string' ? example : JSON.stringify(example, null, 2),
  };
}

function answersOf(doc: Node, value: unknown): Answer[] {
  if (!isNode(value)) return [];
  return Object.entries(value).map(([status, answer]) => {
    const a = resolve(doc, answer);
    const content = a && isNode(a.content) ? Object.values(a.content).find(isNode) : undefined;
    return { status, description: text(a?.description), schema: content ? resolve(doc, content.schema) : undefined };
  });
}

/** How the document wants a key to be sent. */
export function schemeOf(doc: Node): Scheme {
  const components = isNode(doc.components) ? doc.components : {};
  const schemes = isNode(components.securitySchemes) ? components.securitySchemes : {};
  for (const value of Object.values(schemes)) {
    const s = resolve(doc, value);
    if (s?.type === 'apiKey' && s.in === 'header') return { in: 'header', name: text(s.name), prefix: '' };
    if (s?.type === 'apiKey' && s.in === 'query') return { in: 'query', name: text(s.name) };
    if (s?.type === 'http' && text(s.scheme).toLowerCase() === 'bearer') return { in: 'header', name: 'Authorization', prefix: 'Bearer ' };
  }
  return { in: 'header', name: 'X-API-Key', prefix: '' };
}
