/** A JSON Schema as OpenAPI 3.1 has it (draft 2020-12). */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly [keyword: string]: unknown
}

export const TEXT: Schema = { type: 'string' }
export const DATE: Schema = { type: 'string', format: 'date-time' }
export const WHOLE: Schema = { type: 'integer', minimum: 0 }
export const NUMBER: Schema = { type: 'number' }
export const FLAG: Schema = { type: 'boolean' }
export const COMMIT: Schema = { type: 'string', pattern: '^[0-9a-f]{40}$', description: 'A full commit sha.' }

export const list = (items: Schema): Schema => ({ type: 'array', items })
export const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values })
export const orNull = (type: string): Schema => ({ type: [type, 'null'] })
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })

/**
 * An object of a TypeScript type, every field of which must be given here.
 * @param optional fields that may be absent
 */
export const object = <T extends object>(
  properties: { readonly [Name in keyof Required<T>]: Schema },
  optional: readonly (keyof T)[] = [],
): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name as keyof T)),
})
