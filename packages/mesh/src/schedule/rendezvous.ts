/**
 * Who of several brings something in, so that all who know the same members agree without a word, and only what was a
 * member's own moves when it leaves: highest random weight (Thaler and Ravishankar, 1998).
 */

/** A member: its hash is worked out once. */
export interface Member {
  readonly peerId: string
  /** `hashOf` its peer id. */
  readonly hash: number
}

/** True when the first is before the second in line for the chunk. */
export const isBefore = (a: Member, b: Member, index: number): boolean => {
  const [weightOfA, weightOfB] = [weigh(a, index), weigh(b, index)]
  return weightOfA > weightOfB || (weightOfA === weightOfB && a.peerId > b.peerId)
}

const weigh = ({ hash }: Member, index: number): number => mix(hash ^ mix(index + 1))

/** FNV-1a, 32 bits; peer ids are ASCII. */
export const hashOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash
}

/** The finaliser of MurmurHash3: each bit of the input changes half of the output's. */
const mix = (value: number): number => {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
