/**
 * A plain server that says what another has said: `recorded-server.ts RECORDING FOLDER` prints its URL and serves until it is killed.
 * Bodies of files come from the folder, all else from the recording.
 */
import { readFile } from 'node:fs/promises'
import { type ServerResponse, createServer } from 'node:http'
import { join } from 'node:path'

/** By path, without the query. */
export type Recording = Readonly<Record<string, Recorded>>

export interface Recorded {
  readonly headers: Readonly<Record<string, string>>
  readonly body: { readonly text: string } | { readonly file: string }
}

const [, , recordingFile = '', folder = ''] = process.argv
const recording = JSON.parse(await readFile(recordingFile, 'utf8')) as Recording

const answer = async (response: ServerResponse, path: string): Promise<void> => {
  const recorded = recording[path]
  if (recorded === undefined) return void response.writeHead(404, { 'content-length': '0' }).end()
  response.writeHead(200, recorded.headers)
  const { body } = recorded
  if (response.req.method === 'HEAD') response.end()
  else response.end('text' in body ? body.text : await readFile(join(folder, body.file)))
}

const server = createServer((request, response) => void answer(response, request.url?.split('?')[0] ?? ''))
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) console.log(`http://127.0.0.1:${address.port}`)
})
