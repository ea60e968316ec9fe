import { MeshError, type RepoRef } from '@hubmesh/content'
import type { ApiAnswer } from './api.ts'

/** What a call of @huggingface/hub is given: it names the repo its own way, and brings no transport of its own. */
export interface LibraryParams {
  readonly repo: { readonly type: RepoRef['type']; readonly name: string }
  readonly hubUrl: string
  readonly fetch: typeof fetch
}

/** Pages of one listing: an upstream that always has one more is stopped here, and one that goes round at once. */
const MAX_PAGES = 20_000

/**
 * Lets @huggingface/hub ask through our own transport, which bounds, retries and authenticates: it sees whole answers, and
 * `Link` headers that it understands.
 */
export const libraryParams = (
  repo: RepoRef,
  { base, get }: { base: string; get: (url: string) => Promise<ApiAnswer> },
): LibraryParams => {
  const asked = new Set<string>()
  const fetchPage = async (input: string | URL | Request): Promise<Response> => {
    const url = input instanceof Request ? input.url : String(input)
    if (asked.has(url) || asked.size >= MAX_PAGES) throw new MeshError('bad-bytes', 'a listing of upstream has no end')
    asked.add(url)
    const { bytes, next } = await get(url)
    const headers = next === undefined ? {} : { link: `<${next.href}>; rel="next"` }
    return new Response(Uint8Array.from(bytes), { headers })
  }
  return { repo: { type: repo.type, name: repo.id }, hubUrl: base, fetch: fetchPage }
}

/** The library reads an answer without checking its shape. @throws MeshError `bad-bytes` where it stumbled */
export const readListing = async <T, U>(
  items: AsyncIterable<T>,
  { what, most, read }: { what: string; most: number; read: (item: T) => U },
): Promise<U[]> => {
  const found: U[] = []
  try {
    for await (const item of items) {
      found.push(read(item))
      if (found.length > most) throw new MeshError('bad-bytes', `over ${most} entries in ${what}`)
    }
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError)
      throw new MeshError('bad-bytes', `upstream does not answer for ${what} as a Hub does`, { cause: error })
    throw error
  }
  return found
}
