import type { ErrorCode } from '@hubmesh/content'
import { isMeshError } from '@hubmesh/content/errors'
import { CommanderError } from 'commander'

const FAILED = 1
const USAGE = 2

/** What a person can correct in what was typed or configured. */
const USAGE_CODES: ReadonlySet<ErrorCode> = new Set(['usage', 'bad-input', 'config'])

/** Ended by a signal: 128 and its number, as shells have it. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly exitCode: number

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`ended by ${signal}`)
    this.exitCode = signal === 'SIGINT' ? 130 : 143
  }
}

/** Prints an error as one line, and a hint where there is one. @returns the exit code */
export const reportFailure = (error: unknown): number => {
  if (error instanceof Interrupted) return error.exitCode
  if (error instanceof CommanderError) return reportUsage(error)
  if (isMeshError(error)) {
    print(error.message, error.hint)
    return USAGE_CODES.has(error.code) ? USAGE : FAILED
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  print(message, 'this is a fault of hubmesh itself: please report it, with what you did')
  if (process.env['HUBMESH_DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return FAILED
}

/** Help and version come as errors too, with code 0. */
const reportUsage = (error: CommanderError): number => {
  if (error.exitCode === 0) return 0
  if (error.code === 'commander.help') return USAGE
  const [, message = error.message, meant] =
    /^(?:error: )?(.*?)(?:\n\(Did you mean (?:one of )?(.*?)\?\))?$/s.exec(error.message) ?? []
  print(
    message,
    meant === undefined ? '`hubmesh --help` and `hubmesh COMMAND --help` show what there is' : `did you mean ${meant}?`,
  )
  return USAGE
}

const print = (message: string, hint: string | undefined): void => {
  process.stderr.write(`hubmesh: ${oneLine(message)}\n`)
  if (hint !== undefined) process.stderr.write(`hint: ${oneLine(hint)}\n`)
}

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ').trim()
