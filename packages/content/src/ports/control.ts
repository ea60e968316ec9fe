import type { NodeStatus } from '../status.ts'

/** What the control socket offers: all that changes state or tells a secret. */
export interface Control {
  id(): NodeId
  status(): Promise<NodeStatus>
  /** The pasteable invitation: a secret. */
  ticket(): Promise<string>
  pull(
    request: PullRequest,
    options: { signal: AbortSignal; onProgress: (progress: TaskProgress) => void },
  ): Promise<TaskResult>
  publish(
    request: PublishCommand,
    options: { signal: AbortSignal; onProgress: (progress: TaskProgress) => void },
  ): Promise<TaskResult>
}

export interface NodeId {
  peerId: string
  publisherId: string
  site: string
  role: 'seed' | 'peer'
  addresses: string[]
  gateway: string
}

export interface PullRequest {
  /** `[model:|dataset:|space:]ID[@REF]` */
  spec: string
  include: string[]
  exclude: string[]
  /** Absolute folder to place files in, as `<to>/<path in the repo>`. */
  to?: string | undefined
  /** Own copies instead of reflinks or read-only hard links. */
  copy: boolean
}

export interface PublishCommand {
  /** Absolute folder. */
  directory: string
  spec: string
  message: string
}

export interface TaskProgress {
  stage: string
  files: number
  filesDone: number
  bytes: number
  bytesDone: number
}

export interface TaskResult {
  repo: string
  revision: string
  files: number
  bytes: number
  /** Folder that files were placed in. */
  to?: string | undefined
  /** Files there that had other content before. */
  replaced?: number | undefined
}
