import type { OfficeState } from './office-states.ts'

/** Which cell of the matrix a test fills in. */
export interface MatrixCell {
  readonly client: string
  /** Empty until it was asked of the program. */
  readonly version: string
  /** Else it is whatever the machine has, and no difference. */
  readonly isPinned: boolean
  readonly exercise: string
  readonly state: OfficeState
}

declare module 'vitest' {
  interface TaskMeta {
    matrix?: MatrixCell
  }
}
