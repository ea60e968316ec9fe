import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Place } from '../../integration/local-swarm.ts'
import { isInstalled } from '../installed.ts'
import type { LineProcess } from '../line-process.ts'
import { createCrew } from './crew.ts'
import { LIFE_SECONDS, type Other } from './spread.ts'

const STATIC_SERVER = fileURLToPath(new URL('../static-server.ts', import.meta.url))
/** `sh -c … URL FILE`: waits for a line, says how many bytes came, and stays, so that what curl used can be told. */
const SCRIPT = `read -r go
curl --silent --show-error --fail --max-time ${LIFE_SECONDS} --output "$1" --write-out '%{size_download}\\n' "$0"
read -r end`

/** Everyone takes a copy from a plain HTTP server at the seed. */
export const curl: Other = {
  name: 'curl',
  whyNot: () => (isInstalled('curl', '--version') ? undefined : 'curl is not installed'),
  spread: async ({ seed, takers, file, size, folder }) => {
    await using crew = createCrew()
    const server = crew.start(seed, process.execPath, ...process.execArgv, STATIC_SERVER, dirname(file), seed.address)
    const url = `${await crew.line(server)}/${basename(file)}`
    const start = (place: Place, to: string): LineProcess => crew.start(place, 'sh', '-c', SCRIPT, url, to)
    const go = (taker: LineProcess): void => taker.write('go')

    const warmUp = start(seed, '/dev/null') // the server's code is compiled then, as our nodes' is
    go(warmUp)
    await crew.line(warmUp)
    const all = takers.map((place, index) => start(place, join(folder, `${index}`)))
    const { seconds, cpuSeconds, lines } = await crew.time(all, () => all.forEach(go))
    if (lines.some((line) => Number(line) !== size)) throw new Error(`of ${size} bytes came ${lines.join(', ')}`)
    return { seconds, cpuSeconds, copiesOfSeed: takers.length, received: 1 }
  },
}
