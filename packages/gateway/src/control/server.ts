import { once } from 'node:events'
import { chmod, unlink } from 'node:fs/promises'
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import { connect } from 'node:net'
import { type Control, KIB, type Log, MIB, MeshError, type TaskProgress, isMeshError } from '@hubmesh/content'
import { parsePublish, parsePull } from './requests.ts'

/** The socket of a node's control port. */
export interface ControlServer {
  /** @throws MeshError `busy` when another node answers at the path, `io` */
  start(): Promise<void>
  /** Aborts the tasks under way and closes. */
  stop(): Promise<void>
}

const MAX_BODY_BYTES = MIB
/** Progress beyond this rate tells a person nothing. */
const PROGRESS_EVERY_MS = 100
const REQUEST_TIMEOUT_MS = 10_000

/**
 * HTTP over a Unix socket that only its owner may open: `GET /id`, `/status` and `/ticket` answer JSON; `POST /pull` and
 * `/publish` stream NDJSON, `{"progress"}` lines and then one `{"result"}` or `{"error": {code, message, hint}}`. A client that
 * hangs up ends its task.
 * @param options.path in a folder that is its owner's alone
 */
export const createControlServer = (
  { control, log }: { control: Control; log: Log },
  { path }: { path: string },
): ControlServer => {
  const stopping = new AbortController()
  const server = createServer(
    { maxHeaderSize: 16 * KIB, requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      void answer({ control, log, stopping: stopping.signal }, request, response)
    },
  )
  return {
    start: async () => {
      await listenAt(server, path)
      // The folder is closed to others already; this holds where it is not.
      await chmod(path, 0o600)
    },
    stop: async () => {
      stopping.abort(new MeshError('unreachable', 'the node is stopping'))
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeIdleConnections()
      const cut = setTimeout(() => server.closeAllConnections(), 1_000)
      await closed
      clearTimeout(cut)
    },
  }
}

interface Desk {
  readonly control: Control
  readonly log: Log
  readonly stopping: AbortSignal
}

/** Never rejects. */
const answer = async (desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const { control, log } = desk
  try {
    const name = `${request.method} ${request.url}`
    if (name === 'GET /id') sendJson(response, 200, control.id())
    else if (name === 'GET /status') sendJson(response, 200, await control.status())
    else if (name === 'GET /ticket') sendJson(response, 200, { ticket: await control.ticket() })
    else if (name === 'POST /pull') {
      const pull = parsePull(await readBody(request))
      await runTask(desk, response, (options) => control.pull(pull, options))
    } else if (name === 'POST /publish') {
      const command = parsePublish(await readBody(request))
      await runTask(desk, response, (options) => control.publish(command, options))
    } else throw new MeshError('usage', 'this node does not know that command', { hint: 'is it of an older version?' })
  } catch (error) {
    if (!isMeshError(error)) log.error({ err: error }, 'a control request failed')
    sendJson(response, isMeshError(error) ? 400 : 500, { error: plainError(error) })
  }
}

type Task = (options: Parameters<Control['pull']>[1]) => Promise<object>

/** Runs a task for as long as its client stays, and tells how it goes. */
const runTask = async ({ log, stopping }: Desk, response: ServerResponse, task: Task): Promise<void> => {
  const leaving = new AbortController()
  response.once('close', () => leaving.abort(new Error('the client has left')))
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
  response.flushHeaders()
  const write = (line: object): boolean => response.write(`${JSON.stringify(line)}\n`)
  let toldAt = 0
  const onProgress = (progress: TaskProgress): void => {
    // A client that does not read is told less, not later.
    if (response.destroyed || response.writableNeedDrain || performance.now() - toldAt < PROGRESS_EVERY_MS) return
    toldAt = performance.now()
    write({ progress })
  }
  try {
    write({ result: await task({ signal: AbortSignal.any([leaving.signal, stopping]), onProgress }) })
  } catch (error) {
    if (!isMeshError(error) && !leaving.signal.aborted) log.error({ err: error }, 'a task failed')
    write({ error: plainError(error) })
  }
  response.end()
}

const sendJson = (response: ServerResponse, status: number, value: unknown): void => {
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify(value))
}

/** @throws MeshError `bad-input` */
const readBody = async (request: IncomingMessage): Promise<unknown> => {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length
    if (length > MAX_BODY_BYTES) throw new MeshError('bad-input', 'a control request is over 1 MiB')
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString()) as unknown
  } catch (cause) {
    throw new MeshError('bad-input', 'a control request is no JSON', { cause })
  }
}

const plainError = (error: unknown): object =>
  isMeshError(error)
    ? { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
    : { code: 'io', message: 'internal error', hint: "the node's log says more" }

/** Takes over a socket file that a dead node left behind. */
const listenAt = async (server: Server, path: string): Promise<void> => {
  try {
    await listenOnce(server, path)
  } catch (cause) {
    if (!hasCode(cause, 'EADDRINUSE'))
      throw new MeshError('io', `the control socket ${path} cannot be opened`, { cause })
    if (await answersAt(path))
      throw new MeshError('busy', `another node answers at ${path}`, { hint: 'stop it, or use another --home' })
    await unlink(path)
    await listenOnce(server, path)
  }
}

const listenOnce = async (server: Server, path: string): Promise<void> => {
  const listening = once(server, 'listening')
  server.listen(path)
  await listening
}

const answersAt = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
