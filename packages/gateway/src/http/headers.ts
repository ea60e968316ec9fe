/** Header values hold printable ASCII only: anything else makes Node throw. Longest is what a person reads. */
const MAX_TEXT = 500

/** Any text as a header value: what is not printable ASCII is percent-encoded. */
export const headerText = (text: string): string =>
  text
    .toWellFormed()
    .slice(0, MAX_TEXT)
    .toWellFormed()
    .replaceAll(/[^\x20-\x7e]/gu, encodeURIComponent)

/** `inline; filename*=UTF-8''<percent-encoded>; filename="<ascii>";` with the last segment of the path (RFC 6266). */
export const contentDisposition = (path: string, kind: 'inline' | 'attachment'): string => {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const ascii = name.replaceAll(/[^\x20-\x7e]|["\\%]/gu, '_')
  return `${kind}; filename*=UTF-8''${extValue(name)}; filename="${ascii}";`
}

// RFC 8187 attr-char is narrower than what encodeURIComponent leaves alone.
const extValue = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replaceAll(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** Safe for every byte sequence that a path may hold: encodes each segment, keeps the slashes. */
export const encodePath = (path: string): string => path.split('/').map(encodeURIComponent).join('/')
