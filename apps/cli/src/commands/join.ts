import { findRunningNode, homeFolder, joinMesh } from '@hubmesh/node'
import { readTicket } from '../ticket-input.ts'

export interface JoinFlags {
  readonly home?: string
  readonly site?: string
  readonly trust: readonly string[]
}

/** Writes a ticket into the home. */
export const join = async (ticket: string, flags: JoinFlags): Promise<void> => {
  const home = homeFolder(flags.home)
  const { trusts, issuerSite } = await joinMesh(home, [await readTicket(ticket)], {
    trust: flags.trust,
    site: flags.site,
  })
  const running = await findRunningNode(home)
  const lines = [
    `${home} is a member now, and trusts ${trusts.join(', ')}`,
    ...(issuerSite === undefined || flags.site !== undefined
      ? []
      : [`the ticket is from site ${issuerSite}: if this machine stands there too, say --site ${issuerSite}`]),
    running === undefined ? 'next: hubmesh up' : 'next: restart the node that is running here, to join with it',
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
