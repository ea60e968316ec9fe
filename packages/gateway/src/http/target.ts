/** Segments of a request target's raw path, split before anything is decoded. */
export const pathSegments = (target: string): string[] => rawPath(target).split('/').slice(1)

/** What stands behind the `?`, without a fragment. */
export const querySuffix = (target: string): string => /^[^?#]*\?([^#]*)/.exec(target)?.[1] ?? ''

/** Our own pages and their neighbours under `/-/`: no Hub name can start so. */
export const isOwnTarget = (target: string): boolean => /^\/-(?:\/|$)/.test(rawPath(target))

const rawPath = (target: string): string => {
  // The absolute form that proxies use (RFC 9112 section 3.2.2); whose name it is stands in Host as well.
  const path = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '')
  const end = path.search(/[?#]/)
  return end === -1 ? path : path.slice(0, end)
}
