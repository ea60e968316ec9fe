/**
 * Lists and downloads with @huggingface/hub. It does not read HF_ENDPOINT: each call takes `hubUrl`.
 *
 *     HF_ENDPOINT=http://127.0.0.1:8642 node files.mjs owner/name main path/in/repo.bin
 */
import { createHash } from 'node:crypto'
import { downloadFile, fileExists, listFiles, pathsInfo, snapshotDownload } from '@huggingface/hub'

const hubUrl = process.env.HF_ENDPOINT
const [repo, revision, path] = process.argv.slice(2)
const of = { repo, revision, hubUrl }

const sizes = {}
for await (const file of listFiles({ ...of, recursive: true })) if (file.type === 'file') sizes[file.path] = file.size

const bytes = async (blob) => Buffer.from(await blob.arrayBuffer())
const file = await downloadFile({ ...of, path })
const pointer = await downloadFile({ ...of, path, raw: true })
console.debug = () => {} // snapshotDownload names each file

console.log(
  JSON.stringify({
    sizes,
    size: file.size,
    sha256: createHash('sha256')
      .update(await bytes(file))
      .digest('hex'),
    slice: (await bytes(file.slice(1000, 1010))).toString('hex'),
    pointer: await pointer.text(),
    there: await fileExists({ ...of, path }),
    notThere: [await fileExists({ ...of, path: 'no/such.bin' }), await downloadFile({ ...of, path: 'no/such.bin' })],
    paths: (await pathsInfo({ ...of, paths: [path, 'no/such.bin'] })).map((found) => found.path),
    folder: await snapshotDownload({ ...of, cacheDir: 'cache' }),
  }),
)
