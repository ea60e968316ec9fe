import type { ComponentLogger, Logger } from '@libp2p/interface'
import type { Log } from '@hubmesh/content'

/**
 * libp2p's own log, at our debug level: each refused dial is an error to it. Its traces are left out, and so is its first
 * argument's formatting beyond plain text.
 */
export const libp2pLogger = (log: Log): ComponentLogger => ({ forComponent: (name) => scopedLogger(log, name) })

const scopedLogger = (log: Log, component: string): Logger => {
  const error = (format: unknown, ...values: unknown[]): void => log.debug({ component }, formatText(format, values))
  return Object.assign(() => {}, {
    error,
    trace: () => {},
    enabled: false,
    newScope: (name: string) => scopedLogger(log, `${component}:${name}`),
  })
}

const formatText = (format: unknown, values: readonly unknown[]): string => {
  const left = values.slice()
  return String(format).replaceAll(/%[a-zA-Z]/g, () => {
    const value = left.shift()
    return value instanceof Error ? value.message : String(value)
  })
}
