import { createHash, createHmac, randomBytes } from 'node:crypto'
import { type Answer, HubError } from './answer.ts'
import { fileAnswer } from './file-answer.ts'
import type { HubRequest } from './request.ts'
import type { HubFile, HubRepo } from './repo.ts'
import type { HubState } from './state.ts'

/** Signs and checks the CDN's URLs, which need no token and expire. */
export interface CdnSigner {
  sign(file: HubFile): string
  isValid(url: URL): boolean
}

export const createCdnSigner = ({ url, seconds }: { url: () => string; seconds: number }): CdnSigner => {
  const key = randomBytes(32)
  const signature = (sha256: string, expires: string): string =>
    createHmac('sha256', key).update(`${sha256}:${expires}`).digest('base64url')

  return {
    sign: ({ sha256, path }) => {
      const expires = String(Date.now() + seconds * 1000)
      const query = new URLSearchParams({ Expires: expires, Signature: signature(sha256, expires), path })
      return `${url()}/blobs/${sha256}?${query.toString()}`
    },
    isValid: (signed) => {
      const expires = signed.searchParams.get('Expires') ?? ''
      const given = signed.searchParams.get('Signature')
      return given === signature(sha256In(signed), expires) && Number(expires) > Date.now()
    },
  }
}

/** The CDN's answers: the bytes of LFS files, under an ETag of its own. */
export const answerCdn = (hub: HubState, request: HubRequest): Answer => {
  const { url } = request
  const path = url.searchParams.get('path') ?? ''
  if (request.headers.authorization !== undefined) throw new HubError(400, 'Only one auth mechanism allowed')
  if (!hub.cdn.isValid(url) || hub.faults.take('expire', 'cdn', path) !== undefined) {
    throw new HubError(403, 'Request has expired')
  }
  const sha256 = sha256In(url)
  const file = findBlob(hub.repos.values(), sha256)
  if (file === undefined) throw new HubError(404, 'The specified key does not exist.')
  const etag = createHash('sha256').update(sha256).digest('hex')
  return fileAnswer(hub.faults, request, { content: file.content, path, etag, headers: {} })
}

const sha256In = (url: URL): string => /^\/blobs\/([0-9a-f]{64})$/.exec(url.pathname)?.[1] ?? ''

const findBlob = (repos: Iterable<HubRepo>, sha256: string): HubFile | undefined => {
  for (const repo of repos) {
    for (const revision of repo.revisions.values()) {
      for (const file of revision.files.values()) if (file.lfs?.oid === sha256) return file
    }
  }
  return undefined
}
