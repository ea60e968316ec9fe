import { MeshError } from '@hubmesh/content'
import { describe, expect, it } from 'vitest'
import { createLog } from '../src/log.ts'

const linesOf = (
  levels: string | undefined,
  pretty = false,
): { lines: string[]; log: ReturnType<typeof createLog> } => {
  const lines: string[] = []
  return { lines, log: createLog({ levels, pretty, write: (line) => lines.push(line) }) }
}

describe('a log', () => {
  it('opens one room by LOG_LEVEL, and keeps the others as they are', () => {
    const { lines, log } = linesOf('mesh:debug,warn')
    log.room('mesh').debug({ peer: 'p' }, 'dialling')
    log.room('store').info({}, 'quiet')
    log.room('store').warn({}, 'loud')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { room: 'mesh', peer: 'p', msg: 'dialling' },
      { room: 'store', msg: 'loud' },
    ])
  })

  it('takes what it cannot read as info', () => {
    const { lines, log } = linesOf('shout,mesh:loud')
    log.room('mesh').debug({}, 'no')
    log.info({}, 'yes')
    expect(lines).toHaveLength(1)
  })

  it('prints no secret', () => {
    const { lines, log } = linesOf('info')
    log.info({ token: 'hf_secret', request: { authorization: 'Bearer hf_secret' } }, 'asked')
    expect(lines.join('')).not.toContain('hf_secret')
  })

  it('is one readable line an event on a terminal, with the error and its hint', () => {
    const { lines, log } = linesOf('info', true)
    log.room('mesh').warn({ err: new MeshError('unreachable', 'no answer', { hint: 'look' }), tries: 3 }, 'cannot dial')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d mesh: warning: cannot dial tries=3 \(no answer; look\)\n$/)
  })
})
