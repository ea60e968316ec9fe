/** A tensor of this many bytes or more is cut out of its file at both ends. */
const MIN_CUT_TENSOR_BYTES = 256 * 1024
/** Longer headers are not looked at. safetensors itself refuses those over 100 MB. */
const MAX_HEADER_BYTES = 16 * 1024 * 1024
/** A little-endian u64, the header's length, and the `{` it begins with. */
const PREFIX_BYTES = 8
const OPEN_BRACE = 0x7b

/** Looks for a structure in the first bytes of a blob, and then knows where that forces cuts. */
export interface StructureReader {
  /** How many more bytes it has to see before it knows more; 0 when it knows all. */
  readonly wanted: number
  /** Offsets in the blob of the forced cuts that are known, rising, none before the end of what it has seen. */
  readonly cuts: readonly number[]
  /** The blob's next bytes, at most as many as are wanted. */
  push(bytes: Uint8Array): void
}

/**
 * Structure of a safetensors file (https://github.com/huggingface/safetensors#format), told by content alone: the length of
 * a header that begins with `{`, then the header.
 */
export const createStructureReader = (size: number): StructureReader => {
  let head: Uint8Array = new Uint8Array(size < PREFIX_BYTES + 1 + MIN_CUT_TENSOR_BYTES ? 0 : PREFIX_BYTES + 1)
  let filled = 0
  let cuts: readonly number[] = []

  /** Called when the head is full: it was only the prefix, or all of it. */
  const look = (): void => {
    const end = safetensorsHeadEnd(head, size)
    if (end === filled) cuts = structureCuts(head, size)
    const whole = new Uint8Array(end === undefined || end === filled ? 0 : end)
    whole.set(head.subarray(0, whole.length))
    head = whole
    filled = Math.min(filled, whole.length)
  }

  return {
    get wanted() {
      return head.length - filled
    },
    get cuts() {
      return cuts
    },
    push: (bytes) => {
      head.set(bytes, filled)
      filled += bytes.length
      if (bytes.length > 0 && filled === head.length) look()
    },
  }
}

/** Where a safetensors header ends that begins so; undefined when this is none. */
const safetensorsHeadEnd = (prefix: Uint8Array, size: number): number | undefined => {
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true))
  const end = PREFIX_BYTES + length
  const fits = length > 1 && length <= MAX_HEADER_BYTES && end <= size - MIN_CUT_TENSOR_BYTES
  return fits && prefix[PREFIX_BYTES] === OPEN_BRACE ? end : undefined
}

// Every `"data_offsets": [begin, end]`. The text is searched, not parsed as JSON: so a hostile header costs one linear look
// and no memory, and the rule is the same in every language. A name that holds such text has its quotes escaped.
const DATA_OFFSETS =
  /"data_offsets"[ \t\n\r]*:[ \t\n\r]*\[[ \t\n\r]*([0-9]{1,15})[ \t\n\r]*,[ \t\n\r]*([0-9]{1,15})[ \t\n\r]*\]/g

/**
 * Offsets in the blob where structure forces a cut: the end of the header, and both ends of each tensor of 256 KiB or more.
 * Tensors outside the blob do not count, nor do those that begin inside one that counted: so there are at most two cuts
 * for each 256 KiB. No tensor that counts: no cuts at all.
 * @param head the length and the header of a safetensors file
 */
const structureCuts = (head: Uint8Array, size: number): number[] => {
  const tensors: { begin: number; end: number }[] = []
  const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1', PREFIX_BYTES)
  for (const [, from, to] of text.matchAll(DATA_OFFSETS)) {
    const begin = head.length + Number(from)
    const end = head.length + Number(to)
    if (end - begin >= MIN_CUT_TENSOR_BYTES && end <= size) tensors.push({ begin, end })
  }
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end)
  const cuts = new Set<number>()
  let covered = 0
  for (const { begin, end } of tensors) {
    if (begin < covered) continue
    covered = end
    cuts.add(head.length).add(begin).add(end)
  }
  return [...cuts]
}
