import { createCipheriv, createHash } from 'node:crypto'

/** Bytes that look random and are the same everywhere: AES-256-CTR over zeros, key sha256(seed), counter block 0. */
export const sampleBytes = (size: number, seed: string): Uint8Array => {
  const key = createHash('sha256').update(seed).digest()
  return new Uint8Array(createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size)))
}

export interface SampleTensor {
  readonly name: string
  readonly bytes: Uint8Array
}

/** A safetensors file: header length, header, tensors in the order given. The note makes the header longer. */
export const sampleSafetensors = (tensors: readonly SampleTensor[], note = ''): Uint8Array => {
  const header: Record<string, unknown> = { __metadata__: { note } }
  let at = 0
  for (const { name, bytes } of tensors) {
    header[name] = { dtype: 'U8', shape: [bytes.length], data_offsets: [at, at + bytes.length] }
    at += bytes.length
  }
  return withHeader(JSON.stringify(header), ...tensors.map(({ bytes }) => bytes))
}

export const withHeader = (header: string, ...data: readonly Uint8Array[]): Uint8Array => {
  const text = Buffer.from(header)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return new Uint8Array(Buffer.concat([length, text, ...data]))
}
