import { MeshError } from './errors.ts'

/** A set of chunk indexes, one bit each, bit 0 of byte 0 first. */
export class Bitmap {
  readonly length: number
  readonly bytes: Uint8Array
  #count: number

  /** @throws MeshError `bad-input` when the bytes are not as many as the length needs */
  constructor(length: number, bytes: Uint8Array = new Uint8Array(Math.ceil(length / 8))) {
    if (bytes.length !== Math.ceil(length / 8))
      throw new MeshError('bad-input', 'a bitmap of another length was expected')
    this.length = length
    this.bytes = bytes
    if (length % 8 !== 0) bytes[bytes.length - 1]! &= (1 << (length % 8)) - 1 // bits past the end mean nothing
    this.#count = countBits(bytes)
  }

  static full(length: number): Bitmap {
    return new Bitmap(length, new Uint8Array(Math.ceil(length / 8)).fill(0xff))
  }

  get count(): number {
    return this.#count
  }

  get complete(): boolean {
    return this.#count === this.length
  }

  has(index: number): boolean {
    return index >= 0 && index < this.length && (this.bytes[index >> 3]! & (1 << (index & 7))) !== 0
  }

  /** True when the bit was not set before. Indexes outside are ignored. */
  set(index: number): boolean {
    if (index < 0 || index >= this.length || this.has(index)) return false
    this.bytes[index >> 3]! |= 1 << (index & 7)
    this.#count += 1
    return true
  }

  clear(index: number): void {
    if (!this.has(index)) return
    this.bytes[index >> 3]! &= ~(1 << (index & 7))
    this.#count -= 1
  }
}

const countBits = (bytes: Uint8Array): number => {
  let count = 0
  for (let byte of bytes) for (; byte > 0; byte &= byte - 1) count += 1
  return count
}
