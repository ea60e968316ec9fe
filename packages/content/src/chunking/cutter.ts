import { MeshError } from '../errors.ts'
import { createGear } from './gear.ts'
import { createStructureReader } from './structure.ts'

/** Name and version of the rule by which this cuts. Another rule gets another name: see FORMAT.md, "Chunking". */
export const CHUNKER = 'gear64-256k-1'

/** Cuts one blob, whose bytes come once and in order. */
export interface Cutter {
  /**
   * Offsets in the blob at which chunks end, rising, that these bytes brought to light; each lies in them or at their end,
   * the blob's own end among them. The bytes are not kept.
   * @throws MeshError `bad-bytes` when more come than the size says
   */
  push(bytes: Uint8Array): number[]
}

/**
 * A cutter for a blob of `size` bytes. The cuts depend on the bytes alone, not on how they are pushed.
 *
 *     const cutter = createCutter({ size: file.size })
 *     for await (const bytes of file) ends.push(...cutter.push(bytes))
 */
export const createCutter = ({ size }: { size: number }): Cutter => {
  const gear = createGear()
  const structure = createStructureReader(size)
  let position = 0
  let passed = 0 // forced cuts that lie behind

  /** How many bytes can be scanned before there is something to decide. */
  const room = (): number => structure.wanted || (structure.cuts[passed] ?? size) - position

  /** Takes bytes up to the next cut, or as many as there is room for. */
  const advance = (bytes: Uint8Array): { taken: number; cut: boolean } => {
    const { taken, cut } = gear.scan(bytes.subarray(0, room()))
    if (structure.wanted > 0) structure.push(bytes.subarray(0, taken))
    position += taken
    const forced = structure.cuts[passed] === position
    if (forced) passed += 1
    const ends = cut || forced || position === size
    if (ends && !cut) gear.restart()
    return { taken, cut: ends }
  }

  return {
    push: (bytes) => {
      if (bytes.length > size - position) throw new MeshError('bad-bytes', `a blob of over its ${size} bytes`)
      const ends: number[] = []
      for (let at = 0; at < bytes.length;) {
        const { taken, cut } = advance(bytes.subarray(at))
        at += taken
        if (cut) ends.push(position)
      }
      return ends
    },
  }
}
