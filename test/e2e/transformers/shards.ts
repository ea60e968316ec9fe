import { type FileChanges, type FileContent, openContent, readAll } from '@hubmesh/testing'

interface Tensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly [number, number]
}

/** A file of safetensors as two, with their index, in the way of `save_pretrained(max_shard_size=…)`. */
export const shards = async (whole: FileContent): Promise<FileChanges> => {
  const bytes = Buffer.from(await readAll(await openContent(whole)))
  const begin = 8 + Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.toString('utf8', 8, begin)) as Record<string, Tensor>
  const tensors = Object.entries(header).filter(([name]) => name !== '__metadata__')
  const middle = Math.ceil(tensors.length / 2)
  const halves = [tensors.slice(0, middle), tensors.slice(middle)]
  const names = halves.map((_, index) => `model-0000${index + 1}-of-00002.safetensors`)
  const place = halves.flatMap((half, index) => half.map(([name]) => [name, names[index]]))
  return {
    ...Object.fromEntries(halves.map((half, index) => [names[index], shard(half, bytes.subarray(begin))])),
    'model.safetensors.index.json': JSON.stringify({
      metadata: { total_size: bytes.length - begin },
      weight_map: Object.fromEntries(place),
    }),
  }
}

const shard = (tensors: readonly (readonly [string, Tensor])[], data: Buffer): FileContent => {
  const start = tensors[0]?.[1].data_offsets[0] ?? 0
  const end = tensors.at(-1)?.[1].data_offsets[1] ?? start
  const moved = tensors.map(
    ([
      name,
      {
        data_offsets: [from, to],
        ...rest
      },
    ]) => {
      return [name, { ...rest, data_offsets: [from - start, to - start] }]
    },
  )
  const header = Buffer.from(JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(moved) }))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return { parts: [length, header, data.subarray(start, end)] }
}
