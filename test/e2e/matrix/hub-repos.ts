import { ODD_PATHS, type SampleHub, buildRepo } from '@hubmesh/testing'

/** Sizes around every bound of a chunk, odd names, an empty file; two commits, a tag, a branch with a slash, a pull request. */
export const MODEL = 'clients/model'
export const MODEL_REFS = ['main', 'refs/tags/v1', 'feature/onnx', 'refs/pr/1'] as const
/** Its names are those that JavaScript clients can ask for: they put paths into URLs as they are. */
export const PLAIN = 'clients/plain-names'
/** As `gpt2` is named. */
export const BARE = 'tiny-gpt'
export const DATASET = 'dataset:clients/rows'
export const SPACE = 'space:clients/app'
/** Renamed at the Hub; still asked for, and mirrored, by its old name. */
export const OLD_NAME = 'clients/old-name'
export const NEW_NAME = 'clients/new-name'
/** Neither is mirrored: the seed has no token. */
export const PRIVATE = 'clients/private'
export const GATED = 'clients/gated'

/** Repos of every kind that a client of the Hub meets. @returns what is mirrored of them */
export const addHubRepos = async (hub: SampleHub): Promise<string[]> => {
  await hub.addRepo(MODEL, {
    files: {
      ...buildRepo({ seed: 'model' }),
      'empty.txt': '',
      'config.json': '{"model_type": "bert"}\n',
      'model.safetensors': tinySafetensors(),
    },
    info: { pipeline_tag: 'fill-mask', tags: ['bert', 'license:mit'], cardData: { license: 'mit' } },
  })
  hub.tag(MODEL, 'v1')
  await hub.commit(MODEL, { 'README.md': '# The second commit\n', 'data/1.bin': null }, { message: 'Second commit' })
  await hub.commit(MODEL, { 'onnx/model.onnx': { seed: 'onnx', size: 300_000 } }, { ref: 'feature/onnx' })
  await hub.commit(MODEL, { 'proposal.md': '# A proposal\n' }, { ref: 'refs/pr/1', message: 'Propose' })
  await hub.addRepo(PLAIN, {
    files: {
      ...buildRepo({ seed: 'plain', paths: ODD_PATHS.filter((path) => !/%25|[#?]/.test(path)) }),
      'empty.txt': '',
    },
  })
  hub.tag(PLAIN, 'v1')
  await hub.commit(PLAIN, { 'proposal.md': '# A proposal\n' }, { ref: 'refs/pr/1' })
  await hub.addRepo(BARE, { files: buildRepo({ seed: 'bare', sizes: [0, 70_000], paths: ['config.json'] }) })
  await hub.addRepo(DATASET, {
    files: buildRepo({ seed: 'rows', sizes: [0, 2_000_000], paths: ['data/train 一.csv'] }),
  })
  await hub.addRepo(SPACE, {
    files: buildRepo({ seed: 'app', sizes: [10], paths: ['app.py'] }),
    info: { sdk: 'gradio' },
  })
  await hub.addRepo(OLD_NAME, { files: buildRepo({ seed: 'renamed', sizes: [100_000], paths: ['config.json'] }) })
  hub.renameRepo(OLD_NAME, NEW_NAME)
  await hub.addRepo(PRIVATE, { files: { 'README.md': '# Private\n' }, private: true })
  await hub.addRepo(GATED, { files: { 'README.md': '# Gated\n' }, gated: 'manual' })
  return [
    ...MODEL_REFS.map((ref) => `${MODEL}@${ref}`),
    PLAIN,
    `${PLAIN}@refs/pr/1`,
    `${PLAIN}@refs/tags/v1`,
    BARE,
    DATASET,
    SPACE,
    OLD_NAME,
  ]
}

/** One tensor of two numbers. */
const tinySafetensors = (): Uint8Array => {
  const header = Buffer.from('{"weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}')
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([length, header, Buffer.alloc(8)])
}
