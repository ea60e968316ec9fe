import { join } from 'node:path'
import { MeshError } from '@hubmesh/content'
import { type Document, LineCounter, isMap, isNode, parseDocument } from 'yaml'
import type { z } from 'zod'
import { type ConfigInput, type ConfigValues, configSchema } from './config-schema.ts'
import { didYouMean } from './did-you-mean.ts'
import { readSmallFile } from './files.ts'

/** What a node runs by: its hubmesh.yaml, and over it the flags it was started with. */
export interface NodeConfig extends ConfigValues {
  readonly home: string
}

export const configPath = (home: string): string => join(home, 'hubmesh.yaml')

/**
 * Reads hubmesh.yaml (all defaults where there is none) and lays the flags over it: lists are added to, except
 * `mesh.listen`, which a flag replaces.
 * @throws MeshError `config` with path, line and field for the file, `usage` with the flag's name for a flag
 */
export const loadConfig = async (home: string, flags: ConfigInput = {}): Promise<NodeConfig> => {
  const file = await readConfigFile(home)
  const merged = configSchema.safeParse(overlay(file.input, flags))
  if (!merged.success) throw flagError(merged.error.issues[0])
  return { ...merged.data, home }
}

/** A configuration file that was read and is valid, and its document, which keeps comments when it is changed. */
export interface ConfigFile {
  readonly document: Document
  readonly input: ConfigInput
}

/** @throws MeshError `config` */
export const readConfigFile = async (home: string): Promise<ConfigFile> => {
  const path = configPath(home)
  const text = await readText(path)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [syntax] = document.errors
  if (syntax !== undefined) {
    throw new MeshError('config', `${path}:${lines.linePos(syntax.pos[0]).line}: ${oneLine(syntax.message)}`, {
      hint: 'this is not YAML: check indentation, quotes and colons on and before that line',
    })
  }
  const input = toValue(document, path)
  const checked = configSchema.safeParse(input)
  if (!checked.success) throw fileError(path, document, lines, foremost(checked.error.issues))
  return { document, input: input as ConfigInput }
}

const readText = async (path: string): Promise<string> => {
  try {
    return (await readSmallFile(path)) ?? ''
  } catch (cause) {
    throw new MeshError('config', `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: 'check who owns the file, or name another home with --home',
      cause,
    })
  }
}

const toValue = (document: Document, path: string): unknown => {
  try {
    return document.toJS({ maxAliasCount: 0 }) ?? {}
  } catch (cause) {
    throw new MeshError('config', `${path}: aliases are not allowed here`, { hint: 'write the value out', cause })
  }
}

type Issue = z.core.$ZodIssue | undefined

/** A mistyped key comes first: what it leaves out is missing only because of it. */
const foremost = (issues: z.core.$ZodIssue[]): Issue =>
  issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]

const fileError = (path: string, document: Document, lines: LineCounter, issue: Issue): MeshError => {
  const { field, message, hint } = explain(issue)
  const offset = offsetOf(document, field)
  const line = offset === undefined ? 1 : lines.linePos(offset).line
  return new MeshError('config', `${path}:${line}: ${field.join('.') || 'the file'}: ${message}`, { hint })
}

/** One issue in words; an unknown key is a field of its own, with the known one that it may stand for. */
const explain = (issue: Issue): { field: PropertyKey[]; message: string; hint: string } => {
  const path = issue?.path ?? []
  if (issue?.code !== 'unrecognized_keys')
    return { field: [...path], message: oneLine(messageOf(issue) ?? 'not valid'), hint: 'correct this line' }
  const key = issue.keys[0] ?? ''
  const known = knownKeys(path)
  const meant = didYouMean(key, known)
  return {
    field: [...path, key],
    message: 'no such setting',
    hint: meant === undefined ? `settings here are: ${known.join(', ')}` : `did you mean ${meant}?`,
  }
}

/** A bad key of a record keeps what is wrong with it to itself. */
const messageOf = (issue: Issue): string | undefined =>
  issue?.code === 'invalid_key' ? issue.issues[0]?.message : issue?.message

/** The keys that the schema has at a path, found by asking it about one that cannot be there. */
const knownKeys = (path: readonly PropertyKey[]): string[] => {
  let schema: unknown = configSchema
  for (const key of path) {
    schema = unwrap(schema)
    if (typeof key === 'number' && hasField(schema, 'element')) schema = schema.element
    else if (hasField(schema, 'shape')) schema = (schema.shape as Record<PropertyKey, unknown>)[key]
  }
  const object = unwrap(schema)
  return hasField(object, 'shape') ? Object.keys(object.shape as object) : []
}

const unwrap = (schema: unknown): unknown =>
  hasField(schema, 'unwrap') && typeof schema.unwrap === 'function' && !hasField(schema, 'element')
    ? unwrap(schema.unwrap())
    : schema

const hasField = <K extends string>(value: unknown, key: K): value is Record<K, unknown> =>
  typeof value === 'object' && value !== null && key in value

/** Where in the file a field stands; its nearest ancestor where the field itself is absent. */
const offsetOf = (document: Document, field: readonly PropertyKey[]): number | undefined => {
  for (let length = field.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(field.slice(0, length - 1), true)
    const key = field[length - 1]
    const pair = isMap(parent) ? parent.items.find(({ key: node }) => String(node) === String(key)) : undefined
    const node = pair === undefined ? document.getIn(field.slice(0, length), true) : pair.key
    if (isNode(node) && node.range) return node.range[0]
  }
  return undefined
}

const FLAG_OF: Readonly<Record<string, string>> = {
  site: '--site',
  'upstream.url': '--upstream',
  'upstream.tokenFile': '--upstream-token-file',
  'upstream.poll': '--poll',
  mirror: '--mirror',
  'gateway.listen': '--gateway',
  'mesh.listen': '--listen',
  'mesh.announce': '--announce',
  'mesh.join': '--join',
  trust: '--trust',
  'store.quota': '--quota',
}

const flagError = (issue: Issue): MeshError => {
  const field = (issue?.path ?? []).filter((part) => typeof part === 'string').join('.')
  const flag = FLAG_OF[field] ?? FLAG_OF[field.split('.')[0] ?? ''] ?? field
  return new MeshError('usage', `${flag}: ${oneLine(issue?.message ?? 'not valid')}`, {
    hint: '`hubmesh up --help` shows what each flag takes',
  })
}

const overlay = (file: ConfigInput, flags: ConfigInput): ConfigInput => ({
  ...file,
  ...flags,
  upstream: { ...file.upstream, ...flags.upstream },
  mirror: [...(file.mirror ?? []), ...(flags.mirror ?? [])],
  gateway: { ...file.gateway, ...flags.gateway },
  mesh: {
    ...file.mesh,
    ...flags.mesh,
    join: [...new Set([...(file.mesh?.join ?? []), ...(flags.mesh?.join ?? [])])],
  },
  trust: [...(file.trust ?? []), ...(flags.trust ?? [])],
  store: { ...file.store, ...flags.store },
})

const oneLine = (text: string): string => text.replace('Invalid input: ', '').replaceAll(/\s+/g, ' ').trim()
