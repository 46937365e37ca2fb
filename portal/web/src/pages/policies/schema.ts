/** The parts of JSON Schema 2020-12 that policies are described with. */
export interface Schema {
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: boolean | Schema;
  oneOf?: Schema[];
  $ref?: string;
  $defs?: Record<string, Schema>;
  /** Written by Tollgate: no field of a form. */
  readOnly?: boolean;
  'x-widget'?: string;
  'x-secret'?: boolean;
  /** What the value names: "secret", "upstream". */
  'x-ref'?: string;
}

export type Widget = 'text' | 'number' | 'switch' | 'select' | 'choices' | 'tags' | 'duration' | 'fields' | 'list' | 'code' | 'json' | 'group' | 'secret' | 'secretRef' | 'upstream';

/** One field of a form, as a schema describes it. */
export interface Field {
  key: string;
  title: string;
  description?: string;
  widget: Widget;
  schema: Schema;
  required: boolean;
  /** A value of `fields` may refer to a secret. */
  secrets: boolean;
  /** A value of `fields` may be a list. */
  lists: boolean;
  placeholder?: string;
}

export type Config = Record<string, unknown>;

/** Follows $ref into the root; what stands beside it wins. */
export function resolve(schema: Schema, root: Schema): Schema {
  const seen = new Set<string>();
  let at = schema;
  while (at.$ref !== undefined && !seen.has(at.$ref)) {
    seen.add(at.$ref);
    const target = root.$defs?.[at.$ref.replace('#/$defs/', '')] ?? {};
    const { $ref: _, ...beside } = at;
    at = { ...target, ...beside };
  }
  return at;
}

/** Whether a value is {"secret": "name"} and nothing else. */
function refersToSecret(schema: Schema): boolean {
  const { secret, ...others } = schema.properties ?? {};
  return secret?.['x-ref'] === 'secret' && Object.keys(others).length === 0;
}

function widgetOf(schema: Schema): Widget {
  const wish = schema['x-widget'];
  if (wish === 'tags' || wish === 'duration' || wish === 'fields' || wish === 'list' || wish === 'code' || wish === 'json') return wish;
  const names = schema['x-ref'];
  if (names === 'secret' || names === 'upstream') return names;
  if (schema.enum) return 'select';
  switch (schema.type) {
    case 'boolean':
      return 'switch';
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return schema.items?.enum ? 'choices' : schema.items?.type === 'string' ? 'tags' : 'json';
    case 'object':
      if (refersToSecret(schema)) return 'secretRef';
      return schema.properties ? 'group' : typeof schema.additionalProperties === 'object' ? 'fields' : 'json';
    case 'string':
      return 'text';
    default:
      return 'json';
  }
}

const asText = (value: unknown): string | undefined => (typeof value === 'string' || typeof value === 'number' ? String(value) : undefined);

/** A placeholder says what holds without a value, else what one could look like. */
function placeholder(schema: Schema): string | undefined {
  const holds = asText(schema.default);
  if (holds !== undefined && holds !== '') return holds;
  const example = schema.examples?.[0];
  const text = asText(Array.isArray(example) ? example[0] : example);
  return text === undefined ? undefined : `such as ${text}`;
}

/** The fields of an object, in the schema's order. */
export function fieldsOf(object: Schema, root: Schema = object): Field[] {
  return Object.entries(object.properties ?? {}).flatMap(([key, raw]) => {
    const schema = resolve(raw, root);
    if (schema.readOnly) return [];
    const items = schema.items ? resolve(schema.items, root) : undefined;
    const values = typeof schema.additionalProperties === 'object' ? resolve(schema.additionalProperties, root) : undefined;
    const shapes = values?.oneOf ?? [];
    return [{
      key,
      title: schema.title ?? key,
      description: schema.description,
      widget: widgetOf({ ...schema, items }),
      schema: { ...schema, items },
      required: object.required?.includes(key) ?? false,
      secrets: shapes.some((s) => s['x-secret']),
      lists: shapes.some((s) => s.type === 'array'),
      placeholder: placeholder(schema),
    }];
  });
}

/** What a new policy begins with: the schema's first example, which is always valid. */
export function startOf(schema: Schema): Config {
  const example = schema.examples?.[0];
  return example !== null && typeof example === 'object' ? structuredClone(example as Config) : {};
}

/** A config with one field set; what is empty and not required leaves it, so that the default holds. */
export function withField(config: Config, field: Field, value: unknown): Config {
  const { [field.key]: _, ...others } = config;
  const empty =
    value === undefined || value === '' || (Array.isArray(value) && value.length === 0) ||
    (value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 0 && field.widget !== 'json');
  if (empty && !(field.required && value !== undefined)) return others;
  const out: Config = {};
  // Keys keep their places, so that nothing jumps in the code view.
  for (const [key, was] of Object.entries(config)) out[key] = key === field.key ? value : was;
  if (!(field.key in out)) out[field.key] = value;
  return out;
}

/** What a field shows: its value, or the default that holds without one. */
export function shownValue(config: Config, field: Field): unknown {
  return field.key in config ? config[field.key] : field.schema.default;
}

/** An entry of a list in a word: of an object its name, else the fields it has. */
function wordOf(value: unknown): string {
  if (value === null || typeof value !== 'object') return String(value);
  const { name } = value as Config;
  return typeof name === 'string' && name !== '' ? name : Object.keys(value).join(' and ') || 'nothing';
}

/** The first sentence or so of a config, for a list of policies. */
export function summaryOf(config: Config | undefined): string {
  const parts = Object.entries(config ?? {}).map(([key, value]) => {
    if (Array.isArray(value)) return `${key}: ${value.slice(0, 3).map(wordOf).join(', ')}${value.length > 3 ? ', …' : ''}`;
    if (value !== null && typeof value === 'object') return `${key}: ${Object.keys(value).slice(0, 3).join(', ')}`;
    return `${key}: ${String(value)}`;
  });
  const text = parts.join(' · ');
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
