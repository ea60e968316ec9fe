import type { SyncProgress } from '@hubmesh/content'

interface Sized {
  readonly size: number
}

/** Counts one sync's progress, and tells whoever listens. */
export interface ProgressReport {
  stage(stage: SyncProgress['stage']): void
  /** The files of a revision that is begun; earlier revisions' count on. */
  begin(files: readonly Sized[]): void
  bytes(bytes: number): void
  /** Files of one content that are here now: the first was counted as it came. */
  done(same: readonly Sized[]): void
  /** Files of one content that were here already. */
  skip(same: readonly Sized[]): void
}

export const createProgress = (onProgress: (progress: SyncProgress) => void): ProgressReport => {
  let now: SyncProgress = { stage: 'resolving', files: 0, filesDone: 0, bytes: 0, bytesDone: 0 }
  const tell = (change: Partial<SyncProgress>): void => {
    now = { ...now, ...change }
    onProgress(now)
  }
  const finish = (files: readonly Sized[], bytes: number): void =>
    tell({ filesDone: now.filesDone + files.length, bytesDone: now.bytesDone + bytes })

  return {
    stage: (stage) => tell({ stage }),
    begin: (files) => tell({ stage: 'pulling', files: now.files + files.length, bytes: now.bytes + total(files) }),
    bytes: (bytes) => tell({ bytesDone: now.bytesDone + bytes }),
    done: (same) => finish(same, total(same.slice(1))),
    skip: (same) => finish(same, total(same)),
  }
}

const total = (files: readonly Sized[]): number => files.reduce((sum, { size }) => sum + size, 0)
