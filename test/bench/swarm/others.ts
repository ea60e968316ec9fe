import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Place } from '../../integration/local-swarm.ts'
import { writeRandomFile } from '../samples.ts'
import { curl } from './curl.ts'
import { repeat } from './rounds.ts'
import { createScratch } from './scratch.ts'
import type { Other, Spread } from './spread.ts'
import { aria2, libtorrent } from './torrents.ts'

const OTHERS: readonly Other[] = [libtorrent, aria2, curl]

/** What became of another way: its figures, or why there are none. */
export type Measured<S extends Spread> =
  | { readonly name: string; readonly spread: S }
  | { readonly name: string; readonly whyNot: string }

interface Places {
  readonly seed: Place
  readonly takers: readonly Place[]
}

/** Spreads a file of the size in each other way, one after another; `observe` may count beside it. */
export const measureOthers = async <S extends Spread>(
  places: Places,
  size: number,
  observe: (spread: () => Promise<Spread>) => Promise<S>,
): Promise<Measured<S>[]> => {
  await using scratch = await createScratch()
  const file = join(scratch.folder, 'model.bin')
  await writeRandomFile(file, size)
  const spreadOnce = async (other: Other): Promise<Spread> => {
    const folder = join(scratch.folder, other.name)
    await mkdir(folder)
    try {
      return await other.spread({ ...places, file, size, folder })
    } finally {
      await rm(folder, { recursive: true })
    }
  }
  const measured: Measured<S>[] = []
  for (const other of OTHERS) measured.push(await measureOne(other, () => observe(() => spreadOnce(other))))
  return measured
}

/** A way that fails does not cost the figures of the rest. */
const measureOne = async <S extends Spread>(other: Other, measure: () => Promise<S>): Promise<Measured<S>> => {
  const { name } = other
  const whyNot = other.whyNot()
  if (whyNot !== undefined) return { name, whyNot }
  try {
    return { name, spread: await repeat(1, measure) }
  } catch (error) {
    return { name, whyNot: error instanceof Error ? error.message : String(error) }
  }
}
