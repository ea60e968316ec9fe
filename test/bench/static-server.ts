/**
 * What one takes to serve a folder with Node: fastify with `@fastify/send`. `static-server.ts FOLDER [ADDRESS]` prints its URL and serves
 * until it is killed.
 */
import send from '@fastify/send'
import { fastify } from 'fastify'

const [, , root = '', host = '127.0.0.1'] = process.argv
const app = fastify()
app.get<{ Params: { '*': string } }>('/*', async (request, reply) => {
  const { statusCode, headers, stream } = await send(request.raw, request.params['*'], { root })
  return reply.code(statusCode).headers(headers).send(stream)
})
console.log(await app.listen({ host, port: 0 }))
