import { writeFile } from 'node:fs/promises'
import { signatureVectors } from '../vector-cases.ts'

/** Writes test/vectors/signatures.json: `node --conditions=source packages/trust/test/tools/make-vectors.ts` */
const target = new URL('../vectors/signatures.json', import.meta.url)
await writeFile(target, `${JSON.stringify(await signatureVectors(), null, 2)}\n`)
