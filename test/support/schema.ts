/**
 * As much of JSON Schema as the repository's own schemas use.
 *
 * A keyword it does not know is an error: a check that is passed over in silence is none.
 */
export interface Schema {
  readonly [keyword: string]: unknown
}

const known = new Set([
  '$schema',
  '$comment',
  '$defs',
  '$ref',
  'type',
  'const',
  'enum',
  'pattern',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'minItems',
  'maxItems',
  'minimum',
])

/** Every breach, as `path: what`. */
export function breaches(value: unknown, schema: Schema, root: Schema = schema, path = ''): string[] {
  for (const keyword of Object.keys(schema))
    if (!known.has(keyword)) throw new Error(`the schema uses ${keyword}, which nobody checks`)
  if (typeof schema.$ref === 'string') return breaches(value, resolve(schema.$ref, root), root, path)
  const say = (what: string) => [`${path || '.'}: ${what}`]
  if (schema.type !== undefined && !isKind(value, schema.type))
    return say(`is ${kind(value)}, not ${schema.type}`)
  if ('const' in schema && value !== schema.const) return say(`is not ${JSON.stringify(schema.const)}`)
  if (Array.isArray(schema.enum) && !schema.enum.includes(value))
    return say(`is none of ${schema.enum.join(', ')}`)
  if (typeof schema.pattern === 'string' && !new RegExp(schema.pattern, 'u').test(String(value)))
    return say(`${JSON.stringify(value)} does not match ${schema.pattern}`)
  if (typeof value === 'number' && value < Number(schema.minimum ?? Number.NEGATIVE_INFINITY))
    return say(`is ${value}, below ${schema.minimum}`)
  if (Array.isArray(value)) {
    if (value.length > Number(schema.maxItems ?? Number.POSITIVE_INFINITY))
      return say(`has ${value.length} items`)
    const few = value.length < Number(schema.minItems ?? 0) ? say(`has ${value.length} items`) : []
    const { items } = schema
    if (items === undefined) return few
    return [...few, ...value.flatMap((one, i) => breaches(one, items as Schema, root, `${path}[${i}]`))]
  }
  if (kind(value) !== 'object') return []
  const object = value as Record<string, unknown>
  const properties = (schema.properties ?? {}) as Record<string, Schema>
  const missing = ((schema.required ?? []) as string[]).filter(key => !Object.hasOwn(object, key))
  return [
    ...missing.flatMap(key => say(`${key} is missing`)),
    ...Object.entries(object).flatMap(([key, one]) => {
      const below = Object.hasOwn(properties, key) ? properties[key] : schema.additionalProperties
      if (below === false) return say(`${key} is no key of it`)
      if (typeof below !== 'object') throw new Error(`the schema says nothing of ${path}.${key}`)
      return breaches(one, below as Schema, root, `${path}.${key}`)
    }),
  ]
}

/** A whole number is a number too. */
function isKind(value: unknown, type: unknown): boolean {
  return kind(value) === type || (type === 'number' && kind(value) === 'integer')
}

function kind(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

function resolve(ref: string, root: Schema): Schema {
  const found = (root.$defs as Record<string, Schema> | undefined)?.[ref.replace('#/$defs/', '')]
  if (found === undefined) throw new Error(`the schema has no ${ref}`)
  return found
}
