/** What is no proper request, or almost: for a bare socket. Every byte of it is a latin1 character. */
import * as fc from 'fast-check'

export interface Exchange {
  /** Requests on one connection, one behind the other, whole or not. */
  readonly bytes: Buffer
  /** Where the bytes are cut into packets. */
  readonly cuts: readonly number[]
  /** How the client goes: it ends its side and waits for the answer, or it is gone. */
  readonly leaves: 'end' | 'gone'
}

/** Targets with a meaning, to bend. `{repo}` and `{file}` are there. */
const SOUND = [
  ['/{repo}/resolve/main/{file}', '/{repo}/raw/main/{file}', '/models/{repo}/{file}', '/{repo}/SHA256SUMS'],
  ['/api/models/{repo}', '/api/models/{repo}/revision/main?expand=sha', '/api/models/{repo}/refs?include_prs=1'],
  ['/api/models/{repo}/tree/main/a?recursive=true&expand=1', '/api/models/{repo}/paths-info/main'],
  ['/api/models/{repo}/commits/main?limit=1&p=0', '/api/models?search=a&limit=2', '/api/whoami-v2'],
  ['/-/api/status', '/-/healthz', '/-/readyz', '/ipfs/bafkqaaa?format=raw'],
  ['/{repo}/info/refs?service=git-upload-pack', '/{repo}.git/info/lfs/objects/batch', '/-/api/openapi.json'],
  ['/models/{repo}/check-update', '/-/api/repos/models/{repo}/check-update?revision=main'],
].flat()
const PIECES = [
  ['..', '.', '../..', '%2e%2e', '%2e%2e%2f', '..%5c', '%2F', '%5C', '\\', '//', '%00', '\0', '%', '%zz', '%C0%AF'],
  ['canary.txt', 'identity.key', 'etc/passwd', 'index', 'blobs/sha256', 'file:///etc/passwd', 'C:', '~'],
  ['api', 'models', 'datasets', 'spaces', 'resolve', 'raw', 'tree', 'main', '-', 'refs', '__proto__', 'constructor'],
  ['?', '#', '&', '=', '?cursor=-1', '?limit=1e9', '?revision=%00', '?expand[]=x', '%F0%9F%98%80', '\xff', '\x7f'],
  ['x'.repeat(300), 'y'.repeat(30_000), '/'.repeat(500)],
].flat()
const METHODS = ['', ...'GET HEAD POST PUT DELETE OPTIONS PATCH TRACE CONNECT PRI FOO get'.split(' ')]
const HEADERS = [
  ['Range: bytes=0-0', 'Range: bytes=-', 'Range: bytes=5-1', `Range: bytes=${'9'.repeat(400)}-`, 'Range: bytes=-0'],
  [`Range: bytes=${'0-1,'.repeat(500)}`, 'If-None-Match: *', `If-None-Match: ${'"a",'.repeat(500)}`, 'If-Range: "x"'],
  ['Content-Type: application/json', 'Content-Type: application/x-www-form-urlencoded', 'Content-Type: \xff/\xff'],
  ['Content-Length: 5', 'Content-Length: 99999999999', 'Content-Length: -1', 'Content-Length: 5, 6'],
  ['Transfer-Encoding: chunked', 'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: nonsense'],
  ['Expect: 100-continue', 'Expect: nonsense', 'Upgrade: websocket', 'Upgrade: h2c', 'Connection: upgrade'],
  ['Connection: close', 'Connection: keep-alive', 'Host: evil.example', 'Host: ', 'Host: localhost:99999'],
  ['Origin: null', 'Origin: https://evil.example', 'Sec-Fetch-Site: cross-site', 'Authorization: Bearer \xff'],
  ['X-Amzn-Trace-Id: \xff\x01', 'Accept-Encoding: gzip', 'bad header', ' folded: x', ': empty', 'X-Null: a\0b'],
  [`X-Long: ${'x'.repeat(30_000)}`, ...Array.from({ length: 3 }, (_, n) => `Cookie: ${'c=d; '.repeat(10 ** n)}`)],
].flat()
const BODIES = [
  ['{"paths":["a/b.bin"]}', '{"paths":"a","expand":{}}', '[', 'null', 'paths=a&paths=b&expand=', '%'.repeat(999)],
  ['{"operation":"download","objects":[{"oid":"x","size":1}]}', '{"operation":"upload","objects":[]}'],
  ['5\r\nhello\r\n0\r\n\r\n', 'ffffffffffffffff\r\n', '0\r\nTrailer: x\r\n\r\n', '\0\x01\x02', 'z'.repeat(70_000)],
].flat()

const one = <T>(items: readonly T[]) => fc.constantFrom(...items)
const latin1 = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'))

const wild = fc
  .array(fc.oneof(one(PIECES), latin1), { maxLength: 8 })
  .map((parts) => parts.map((part) => `/${part}`).join(''))
/** Something put into the middle of a sound target in place of a few letters. */
const bent = fc
  .record({ target: one(SOUND), at: fc.nat(), cut: fc.nat(4), piece: fc.oneof(one(PIECES), latin1) })
  .map(({ target, at, cut, piece }) => {
    const place = at % (target.length + 1)
    return target.slice(0, place) + piece + target.slice(place + cut)
  })
const target = fc.oneof({ weight: 3, arbitrary: one(SOUND) }, bent, wild, latin1)

const body = fc.oneof(fc.constant(''), fc.constant(''), one(BODIES), latin1)
const version = fc.oneof(
  { weight: 19, arbitrary: fc.constant('HTTP/1.1') },
  { weight: 1, arbitrary: one(['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/9', '', 'HTTP/1.1\0', 'ICY']) },
)
const lineBreak = fc.oneof(
  { weight: 30, arbitrary: fc.constant('\r\n') },
  { weight: 1, arbitrary: one(['\n', '\r', '\r\r\n']) },
)

const message = fc
  .record({
    method: fc.oneof(
      { weight: 2, arbitrary: one(['GET', 'GET', 'HEAD', 'POST']) },
      { weight: 1, arbitrary: one(METHODS) },
    ),
    target,
    version,
    host: fc.oneof(
      { weight: 19, arbitrary: fc.constant(['Host: localhost']) },
      { weight: 1, arbitrary: fc.constant([]) },
    ),
    headers: fc.array(fc.oneof({ weight: 5, arbitrary: one(HEADERS) }, { weight: 1, arbitrary: latin1 }), {
      maxLength: 4,
    }),
    body,
    lineBreak,
  })
  .map(({ method, target, version, host, headers, body, lineBreak }) =>
    [`${method} ${target} ${version}`, ...host, ...headers, '', body].join(lineBreak),
  )

/** Leaves the text as it is, cuts it off, or changes a byte of it. */
const damage = fc.oneof(
  { weight: 4, arbitrary: fc.constant((bytes: Buffer): Buffer => bytes) },
  {
    weight: 2,
    arbitrary: fc.nat().map(
      (at) =>
        (bytes: Buffer): Buffer =>
          bytes.subarray(0, at % (bytes.length + 1)),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => (bytes: Buffer): Buffer => {
      const changed = Buffer.from(bytes)
      if (bytes.length > 0) changed[at % bytes.length] = byte
      return changed
    }),
  },
)

/** Exchanges whose targets name this repo and a file of it. */
export const exchanges = ({ repo, file }: { repo: string; file: string }): fc.Arbitrary<Exchange> =>
  fc
    .record({
      messages: fc.oneof(
        { weight: 3, arbitrary: fc.array(message, { minLength: 1, maxLength: 1 }) },
        { weight: 1, arbitrary: fc.array(message, { minLength: 2, maxLength: 12 }) },
      ),
      damage,
      cuts: fc.array(fc.nat(), { maxLength: 3 }),
      leaves: fc.oneof(
        { weight: 4, arbitrary: fc.constant<'end'>('end') },
        { weight: 1, arbitrary: fc.constant<'gone'>('gone') },
      ),
    })
    .map(({ messages, damage, cuts, leaves }) => {
      const text = messages.join('').replaceAll('{repo}', repo).replaceAll('{file}', file)
      const bytes = damage(Buffer.from(text, 'latin1'))
      return {
        bytes,
        [fc.toStringMethod]: () => JSON.stringify(bytes.toString('latin1').slice(0, 2000)),
        cuts: cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b),
        leaves,
      }
    })
