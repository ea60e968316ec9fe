/**
 * Who of several brings something in, so that all who know the same members agree without a word, and only what was a
 * member's own moves when it leaves: highest random weight (Thaler and Ravishankar, 1998).
 */
export const responsibleFor = (index: number, members: readonly string[]): string | undefined => {
  let responsible: string | undefined
  let highest = -1
  for (const member of members) {
    const weight = mix(hashOf(member) ^ mix(index + 1))
    if (weight < highest || (weight === highest && member < (responsible ?? ''))) continue
    responsible = member
    highest = weight
  }
  return responsible
}

/** FNV-1a, 32 bits; peer ids are ASCII. */
const hashOf = (text: string): number => {
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
