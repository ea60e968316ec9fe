/**
 * Decodes percent-escapes once, and leniently: what is no escape of valid UTF-8 stays as it was sent, since JS clients
 * put names such as `100%.txt` into URLs unescaped. `+` is a plus.
 */
export const decodeOnce = (segment: string): string =>
  segment.includes('%') ? segment.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, decodeRun) : segment

const decodeRun = (run: string): string => {
  try {
    return decodeURIComponent(run)
  } catch {
    return run // not UTF-8
  }
}
