import type { Sha256 } from '@hubmesh/content'
import type { DescribedBlob } from './described-blob.ts'

/** What is wanted to be known of a file. */
type HashTask =
  /** Its sha256 alone. */
  | { readonly kind: 'sha256' }
  /** Cuts, digests, list, and the git oid if asked for. */
  | { readonly kind: 'describe'; readonly gitOid: boolean }

export interface HashRequest {
  readonly path: string
  readonly size: number
  readonly task: HashTask
}

export type ToWorker =
  | { readonly type: 'start'; readonly job: number; readonly request: HashRequest }
  /** Bytes up to `end` can be read now. */
  | { readonly type: 'advance'; readonly job: number; readonly end: number }
  | { readonly type: 'cancel'; readonly job: number }

export type FromWorker =
  | { readonly type: 'progress'; readonly job: number; readonly bytes: number }
  | { readonly type: 'done'; readonly job: number; readonly result: HashResult }
  | { readonly type: 'failed'; readonly job: number; readonly reason: string }

/** Of the task `sha256` the name alone. */
export type HashResult = { readonly sha256: Sha256 } | DescribedBlob
