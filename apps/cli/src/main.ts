/**
 * The command line: one process a command.
 *
 *     await main(['status', '--json'])
 *
 * Nothing heavy is imported here: each command loads what it needs when it runs.
 */
import { buildProgram } from './program.ts'
import { reportFailure } from './failure.ts'

/** Runs one command and ends the process: with 0 when it is done, 1 when it failed, 2 for wrong usage. */
export const main = async (args: readonly string[]): Promise<never> => {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0) // `hubmesh status | head` has read enough
    throw error
  })
  // By exit, not by waiting: timers of libp2p would hold the process for a second more. Writes to stdout are done by then,
  // files, terminals and pipes being synchronous here.
  process.exit(await run(args))
}

const run = async (args: readonly string[]): Promise<number> => {
  try {
    await buildProgram().parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    return reportFailure(error)
  }
}
