import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { MeshError } from '@hubmesh/content/errors'

/** A ticket as it is given: itself, `-` for stdin, or `@FILE`; both keep it out of the process list. @throws MeshError `usage` */
export const readTicket = async (given: string): Promise<string> => {
  if (given === '-') return lastLine(await text(process.stdin))
  if (!given.startsWith('@')) return given
  try {
    return lastLine(await readFile(given.slice(1), 'utf8'))
  } catch (cause) {
    throw new MeshError('usage', `the ticket file ${given.slice(1)} cannot be read`, {
      hint: '@FILE names a file that holds what `hubmesh ticket` printed',
      cause,
    })
  }
}

/** A whole output of `hubmesh ticket` will do; a ticket that mail has wrapped is left for the decoder. */
const lastLine = (content: string): string => {
  const lines = content.trim().split('\n')
  const last = lines.at(-1) ?? ''
  return last.startsWith('hubmesh1') ? last : content
}
