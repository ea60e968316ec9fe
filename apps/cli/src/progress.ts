import type { TaskProgress } from '@hubmesh/content'
import { formatBytes, printable } from './format.ts'

export interface ProgressBar {
  show(progress: TaskProgress): void
  /** Ends the line of a bar. */
  end(): void
}

const BAR_WIDTH = 24
const REDRAW_MS = 100
/** Between plain lines, where nobody watches. */
const LINE_MS = 2000

/** Progress on stderr: a bar on a terminal, a line now and then elsewhere. */
export const createProgress = (output: NodeJS.WriteStream = process.stderr): ProgressBar => {
  const startedAt = performance.now()
  let firstBytes: number | undefined
  let shownAt = Number.NEGATIVE_INFINITY
  let lastStage = ''
  let drawn = false
  return {
    show: (progress) => {
      firstBytes ??= progress.bytesDone
      const now = performance.now()
      const done = progress.bytes > 0 && progress.bytesDone >= progress.bytes
      if (progress.stage === lastStage && !done && now - shownAt < (output.isTTY ? REDRAW_MS : LINE_MS)) return
      shownAt = now
      lastStage = progress.stage
      const rate = ((progress.bytesDone - firstBytes) / Math.max(1, now - startedAt)) * 1000
      const line = describe(progress, rate)
      if (output.isTTY) output.write(`\r\u001b[K${bar(progress)} ${line}`.slice(0, output.columns + 4))
      else output.write(`${line}\n`)
      drawn = output.isTTY
    },
    end: () => {
      if (drawn) output.write('\n')
    },
  }
}

const describe = ({ stage, files, filesDone, bytes, bytesDone }: TaskProgress, rate: number): string =>
  files === 0
    ? printable(stage)
    : `${printable(stage)} ${filesDone}/${files} files, ${formatBytes(bytesDone)} of ${formatBytes(bytes)}, ${formatBytes(Math.max(0, Math.round(rate)))}/s`

const bar = ({ bytes, bytesDone }: TaskProgress): string => {
  const full = bytes === 0 ? 0 : Math.min(BAR_WIDTH, Math.floor((bytesDone / bytes) * BAR_WIDTH))
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}]`
}
