import { createHash } from 'node:crypto'
import { GEAR_WASM } from './gear-wasm.ts'

/** No chunk is smaller, but where structure forces a cut, and at the end. This and all else of the rule stands in gear.wat too. */
const MIN_CHUNK_BYTES = 64 * 1024
/** The hash remembers 64 bytes: what comes before them in the smallest chunk is passed over unread. */
const WINDOW_BYTES = 64
const SKIPPED_BYTES = MIN_CHUNK_BYTES - WINDOW_BYTES

/** Where gear.wat reads: the table first, then the bytes to scan. They fit the second-level cache. */
const BYTES_AT = 4096
const MAX_SCAN_BYTES = 256 * 1024

/** Finds where chunks end by their content. Holds the place in the current chunk from call to call. */
export interface Gear {
  /** How many of the bytes belong to the current chunk: it ends there when `cut`, else all of them do and it goes on. */
  scan(bytes: Uint8Array): { taken: number; cut: boolean }
  /** Forgets the current chunk: the next byte begins one. */
  restart(): void
}

/**
 * The gear table: entry b is the first 8 bytes, as a little-endian u64, of the sha256 of the single byte b.
 */
export const gearTable = (): BigUint64Array =>
  BigUint64Array.from({ length: 256 }, (_, byte) =>
    createHash('sha256').update(Uint8Array.of(byte)).digest().readBigUInt64LE(),
  )

export const createGear = (): Gear => {
  let length = 0
  let hash = 0n

  const scanSome = (bytes: Uint8Array): { taken: number; cut: boolean } => {
    machine ??= instantiate()
    machine.window.set(bytes)
    machine.hash.value = hash
    const end = machine.scan(BYTES_AT, BYTES_AT + bytes.length, length)
    hash = machine.hash.value
    return end === 0 ? { taken: bytes.length, cut: false } : { taken: end - BYTES_AT, cut: true }
  }

  return {
    scan: (bytes) => {
      let at = 0
      while (at < bytes.length) {
        if (length < SKIPPED_BYTES) {
          const skipped = Math.min(SKIPPED_BYTES - length, bytes.length - at)
          length += skipped
          at += skipped
          continue
        }
        const { taken, cut } = scanSome(bytes.subarray(at, at + MAX_SCAN_BYTES))
        length = cut ? 0 : length + taken
        at += taken
        if (cut) return { taken: at, cut }
      }
      return { taken: at, cut: false }
    },
    restart: () => {
      length = 0
    },
  }
}

interface GearExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly hash: { value: bigint }
  /** See gear.wat. */
  scan(this: void, from: number, to: number, length: number): number
}

interface Machine extends GearExports {
  readonly window: Uint8Array
}

// The part of the platform's WebAssembly that is used: it is declared only for browsers.
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { readonly exports: unknown }
}

// One for the thread, made when a blob is first long enough to need it: each would reserve gigabytes of address space.
let machine: Machine | undefined

const instantiate = (): Machine => {
  const module = new WebAssembly.Module(Buffer.from(GEAR_WASM, 'base64'))
  const exports = new WebAssembly.Instance(module).exports as GearExports
  const { buffer } = exports.memory
  new BigUint64Array(buffer, 0, 256).set(gearTable())
  return { ...exports, window: new Uint8Array(buffer, BYTES_AT, MAX_SCAN_BYTES) }
}
