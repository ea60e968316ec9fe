import { homeFolder, openControl } from '@hubmesh/node/control'
import { printJson } from '../format.ts'

export interface IdFlags {
  readonly home?: string
  readonly json?: true
}

/** Who the running node is. */
export const id = async (flags: IdFlags): Promise<void> => {
  const node = await openControl(homeFolder(flags.home))
  const answer = await node.id()
  if (flags.json === true) return printJson(answer)
  const { peerId, publisherId, site, role, addresses, gateway } = answer
  const lines = [
    `peer       ${peerId}`,
    `publisher  ${publisherId}`,
    `role       ${role}`,
    `site       ${site}`,
    `gateway    ${gateway}`,
    ...addresses.map((address) => `address    ${address}`),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** An invitation; the ticket alone goes to stdout. */
export const ticket = async (flags: IdFlags): Promise<void> => {
  const node = await openControl(homeFolder(flags.home))
  const text = await node.ticket()
  if (flags.json === true) return printJson({ ticket: text })
  process.stderr.write('This is a secret: whoever has it can join this mesh. There: hubmesh join TICKET\n')
  process.stdout.write(`${text}\n`)
}
