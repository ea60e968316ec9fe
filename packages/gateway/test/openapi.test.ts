import SwaggerParser from '@apidevtools/swagger-parser'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { parseRoute } from '../src/http/parse-route.ts'
import { OPENAPI } from '../src/openapi/document.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { ask } from './support/http.ts'

let running: RunningGateway

beforeAll(async () => {
  running = await startGateway()
  running.library.add(
    { type: 'model', id: 'ada/model' },
    {
      commits: [
        { files: { 'c.json': '1' }, title: 'a' },
        { files: { 'c.json': '2' }, title: 'b' },
      ],
      behind: { main: 0 },
    },
  )
  const addresses = ['/ip4/10.0.0.1/tcp/1']
  const peer = { peerId: 'x', site: 's', connected: true, rttMs: 1.5, goodput: 1e6, bytesIn: 1, bytesOut: 2, addresses }
  const lastSeen = '2026-01-05T08:00:00.000Z'
  running.status.peers.push(
    { ...peer, lastSeen },
    { ...peer, rttMs: null, lastSeen, banned: { until: lastSeen, reason: 'lies' } },
  )
})
afterAll(async () => running.gateway.stop())

interface Operation {
  readonly operationId: string
  readonly responses: Readonly<Record<string, { content?: Record<string, { schema: z.core.JSONSchema.JSONSchema }> }>>
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>

const EXAMPLES: Readonly<Record<string, string>> = {
  type: 'models',
  owner: 'ada',
  name: 'model',
  revision: 'main',
  path: 'c.json',
  cid: 'bafkqaaa',
}
const filled = (path: string): string => path.replaceAll(/\{(\w+)\}/g, (_, name: string) => EXAMPLES[name] ?? name)

const served = async (): Promise<object> => (await ask(running.url, '/-/api/openapi.json')).json() as object

describe('the OpenAPI document', () => {
  it('is valid', async () => {
    await expect(SwaggerParser.validate((await served()) as never)).resolves.toMatchObject({ openapi: '3.1.0' })
  })

  it('has an id of its own for each operation', () => {
    const ids = Object.values(OPENAPI.paths as Paths).flatMap((item) => Object.values(item).map((it) => it.operationId))
    expect(new Set(ids).size).toBe(ids.length)
  })

  it.each(Object.keys(OPENAPI.paths))('%s is a route', (path) =>
    expect(parseRoute(filled(path)).kind).not.toMatch(/unknown|no-repo|git/),
  )

  it.each(['/-/healthz', '/-/readyz', '/-/api/status', '/-/api/repos/{type}/{owner}/{name}/check-update'])(
    'says of %s what it answers',
    async (path) => {
      const document = (await SwaggerParser.dereference((await served()) as never)) as unknown as { paths: Paths }
      const schema = document.paths[path]?.['get']?.responses['200']?.content?.['application/json']?.schema
      const answer = (await ask(running.url, filled(path))).json()
      expect(z.fromJSONSchema(schema ?? {}).safeParse(answer)).toMatchObject({ success: true, data: answer })
      expect(z.fromJSONSchema(schema ?? {}).safeParse({}).success).toBe(false)
    },
  )
})
