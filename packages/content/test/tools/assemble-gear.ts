import { readFile, writeFile } from 'node:fs/promises'
import createWabt from 'wabt'

/** Writes src/chunking/gear-wasm.ts from gear.wat: `node packages/content/test/tools/assemble-gear.ts` */
const source = new URL('../../src/chunking/gear.wat', import.meta.url)
const target = new URL('../../src/chunking/gear-wasm.ts', import.meta.url)

const wabt = await createWabt()
const wasm = wabt.parseWat('gear.wat', await readFile(source, 'utf8'))
wasm.validate()
const text = Buffer.from(wasm.toBinary({}).buffer).toString('base64')
const lines = (text.match(/.{1,100}/g) ?? []).map((line) => `  '${line}'`)
await writeFile(
  target,
  `/** gear.wat, assembled by test/tools/assemble-gear.ts: base64 of the WebAssembly module. */\nexport const GEAR_WASM =\n${lines.join(' +\n')}\n`,
)
