/**
 * How long a command that asks the running node takes, from its start to its end, over `node -e 0`.
 *
 *     node --conditions=source test/bench/cli-start.ts
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { createSwarm, runCli } from '../integration/local-swarm.ts'
import { type Result, alternate, atMost, printResults, seconds } from './measure.ts'
import { NO_UPSTREAM } from './samples.ts'

const ROUNDS = 25
const OVER_NODE_MS = 150

const run = promisify(execFile)

export const cliStart = async (): Promise<Result[]> => {
  await using swarm = await createSwarm()
  const seed = await swarm.startSeed({ upstream: NO_UPSTREAM })
  const command = (name: string) => async (): Promise<number> => {
    const taken = await seconds(async () => {
      const { code, stderr } = await runCli([name, '--home', seed.home])
      if (code !== 0) throw new Error(`hubmesh ${name} failed: ${stderr}`)
    })
    return taken * 1000
  }
  const bare = async (): Promise<number> => (await seconds(() => run(process.execPath, ['-e', '0']))) * 1000
  await alternate(2, { id: command('id'), status: command('status') }) // what is compiled once a machine is not every start's
  const ms = await alternate(ROUNDS, { bare, id: command('id'), status: command('status') })
  return [
    { what: 'node -e 0', figure: `${ms.bare.toFixed(0)} ms` },
    atMost('hubmesh id, over that', ms.id - ms.bare, OVER_NODE_MS, 'ms'),
    atMost('hubmesh status, over that', ms.status - ms.bare, OVER_NODE_MS, 'ms'),
  ]
}

if (import.meta.main) printResults('a command that asks the running node', await cliStart())
