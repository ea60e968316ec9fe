import { decodeOnce } from './decode.ts'

export interface RevisionSplit {
  readonly revision: string
  /** Decoded path within the commit; empty for its root. */
  readonly path: string
}

/** Longest ref of the clients that do not encode it: `refs/pr/1`, `feature/onnx/v2`. */
const MAX_REVISION_SEGMENTS = 3

/**
 * The ways to read raw segments as a revision and a path, likeliest first: Python and most others encode the revision as
 * one segment, JS `listFiles` writes `refs/pr/1` with bare slashes.
 * @param minPath segments that the path must have: 1 for a file, 0 where the commit's root will do
 */
export function* revisionSplits(segments: readonly string[], minPath: 0 | 1): Generator<RevisionSplit> {
  const most = Math.min(MAX_REVISION_SEGMENTS, segments.length - minPath)
  // No ref is called just `refs`: do not ask for it first.
  if (segments[0] === 'refs' && most === MAX_REVISION_SEGMENTS) {
    for (let count = most; count > 0; count -= 1) yield splitAt(segments, count)
  } else for (let count = 1; count <= most; count += 1) yield splitAt(segments, count)
}

/** The revision where nothing can follow it: however many segments there are. */
export const wholeRevision = (segments: readonly string[]): string => segments.map(decodeOnce).join('/')

const splitAt = (segments: readonly string[], count: number): RevisionSplit => ({
  revision: wholeRevision(segments.slice(0, count)),
  // A folder may be written with a slash behind it.
  path: segments.slice(count).map(decodeOnce).join('/').replace(/\/$/, ''),
})
