import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Answer, HubError } from './answer.ts'
import { answerCdn } from './cdn.ts'
import type { HubRoute } from './faults.ts'
import type { Ledger, RequestRecord } from './ledger.ts'
import { type HubRequest, decode, readRequest } from './request.ts'
import { answerHub } from './routes/index.ts'
import { sendAnswer } from './send.ts'
import type { HubState } from './state.ts'

interface Incoming {
  readonly message: IncomingMessage
  readonly response: ServerResponse
  readonly isCdn: boolean
}

/** One request, from its arrival in the ledger to the end of its answer. */
export const exchange = (state: HubState, ledger: Ledger, { message, response, isCdn }: Incoming): void => {
  const request = readRequest(message, state.url, isCdn)
  const { route, method, headers } = request
  const record: RequestRecord = {
    route,
    method,
    url: message.url ?? '',
    range: headers.range,
    loggedIn: headers.authorization !== undefined,
    status: 0,
    bytes: 0,
  }
  ledger.add(record)
  answer(state, request)
    .then((answer) => sendAnswer(response, { answer, request, record, faults: state.faults }))
    .catch((error: unknown) => {
      if (!response.destroyed) console.error('sample Hub: an answer broke off:', error)
      response.destroy()
    })
}

const answer = async (state: HubState, request: HubRequest): Promise<Answer> => {
  const { faults } = state
  const path = matchedPath(request)
  const delay = faults.take('delay', request.route, path)
  if (delay !== undefined) await sleep(delay.ms)
  const fault = faults.take('status', request.route, path)
  try {
    if (fault !== undefined)
      throw new HubError(fault.status, 'The sample Hub was told to fail', waitHeaders(fault, request.route))
    return await (request.route === 'cdn' ? answerCdn(state, request) : answerHub(state, request))
  } catch (error) {
    if (error instanceof HubError) return error.answer
    console.error(`sample Hub: no answer to ${request.url.pathname}:`, error)
    return new HubError(500, 'Internal error').answer
  }
}

const waitHeaders = ({ retryAfter, rateLimit }: { retryAfter?: number; rateLimit?: number }, route: HubRoute) => ({
  ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
  ...(rateLimit !== undefined && { RateLimit: `"${route === 'api' ? 'api' : 'resolvers'}";r=0;t=${rateLimit}` }),
})

/** What a fault's `path` is matched with before a file is found: the URL's path, at the CDN the file's own. */
const matchedPath = ({ url, segments }: HubRequest): string =>
  url.searchParams.get('path') ?? segments.map(decode).join('/')
