/**
 * The command line: one process a command.
 *
 *     await main(['status', '--json'])
 *
 * Nothing heavy is imported here: each command loads what it needs when it runs.
 */
import { buildProgram } from './program.ts'
import { reportFailure } from './failure.ts'

/** Runs one command; ends the process with 0 when it is done, 1 when it failed, 2 for wrong usage. */
export const main = async (args: readonly string[]): Promise<void> => {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0) // `hubmesh status | head` has read enough
    throw error
  })
  try {
    await buildProgram().parseAsync(args, { from: 'user' })
    process.exitCode ??= 0
  } catch (error) {
    process.exitCode = reportFailure(error)
  }
}
