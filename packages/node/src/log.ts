import type { Log } from '@hubmesh/content'
import { type Logger, pino } from 'pino'

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
type Level = (typeof LEVELS)[number]

/** Should one of these ever get into a log line, its value does not. */
const SECRET_FIELDS = ['token', 'authorization', 'ticket', 'networkKey', 'privateKey'].flatMap((name) => [
  name,
  `*.${name}`,
])

export interface LogOptions {
  /** `LOG_LEVEL`: a level for all, and `room:level` for one room: `mesh:debug,info`. @default 'info' */
  readonly levels?: string | undefined
  /** One line a person reads, instead of JSON. @default false */
  readonly pretty?: boolean
  /** Takes each finished line. @default writes to stderr */
  readonly write?: (line: string) => void
}

/** Structured logs: JSON lines on stderr, or short ones for a terminal. Errors go under `err`. */
export const createLog = (options: LogOptions = {}): Log => {
  const levels = parseLevels(options.levels ?? 'info')
  const write = options.write ?? ((line: string) => process.stderr.write(line))
  const root = pino(
    { level: 'debug', base: null, redact: { paths: SECRET_FIELDS, censor: '[secret]' } },
    { write: (line: string) => write(options.pretty === true ? prettyLine(line) : line) },
  )
  const room = (name: string): Log =>
    fromPino(root, { name, level: levels.get(name) ?? levels.get('') ?? 'info' }, room)
  return room('node')
}

const fromPino = (root: Logger, { name, level }: { name: string; level: Level }, room: Log['room']): Log => {
  const logger = root.child({ room: name }, { level })
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    room,
  }
}

/** `mesh:debug,info` -> room to level; the level for all under ''. What cannot be read is left out: logs are no reason to fail. */
const parseLevels = (text: string): Map<string, Level> =>
  new Map(
    text.split(',').flatMap((part): [string, Level][] => {
      const [first = '', second] = part.trim().split(':')
      const [room, level] = second === undefined ? ['', first] : [first, second]
      return isLevel(level) ? [[room, level]] : []
    }),
  )

const isLevel = (text: string): text is Level => (LEVELS as readonly string[]).includes(text)

const LEVEL_NAMES: Readonly<Record<number, string>> = { 20: 'debug', 30: '', 40: 'warning', 50: 'error' }

/** `12:03:04 mesh: warning: message key=value` */
const prettyLine = (json: string): string => {
  const { time, level, room, msg, err, ...fields } = JSON.parse(json) as Record<string, unknown>
  const clock = new Date(Number(time)).toTimeString().slice(0, 8)
  const name = LEVEL_NAMES[Number(level)] ?? ''
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${fieldText(value)}`)
  return `${[clock, `${String(room)}:`, ...(name === '' ? [] : [`${name}:`]), String(msg), ...rest, ...errorText(err)].join(' ')}\n`
}

const fieldText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

const errorText = (error: unknown): string[] => {
  if (typeof error !== 'object' || error === null) return []
  const { message, hint } = error as { message?: unknown; hint?: unknown }
  return [`(${String(message)}${typeof hint === 'string' ? `; ${hint}` : ''})`]
}
