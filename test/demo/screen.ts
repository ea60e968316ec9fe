const BAR_WIDTH = 30
const REDRAW_MS = 80
/** Steps of plain lines, where the output is no terminal. */
const PLAIN_STEPS = 4

export interface Bar {
  add(bytes: number): void
  /** Sets what is done so far. */
  set(bytes: number): void
  end(): void
}

/** A progress bar on stdout; a line for each quarter where that is no terminal. */
export const createBar = (label: string, total: number): Bar => {
  const output = process.stdout
  const startedAt = performance.now()
  let done = 0
  let drawnAt = 0
  let step = -1
  const draw = (): void => {
    const share = total === 0 ? 1 : Math.min(1, done / total)
    const rate = (done / Math.max(1, performance.now() - startedAt)) * 1000
    const full = Math.floor(share * BAR_WIDTH)
    const text = `${label.padEnd(16)} [${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}] ${megabytes(done)} of ${megabytes(total)}, ${megabytes(rate)}/s`
    if (output.isTTY) {
      output.write(`\r\u001b[K${text}`)
    } else if (Math.floor(share * PLAIN_STEPS) > step) {
      step = Math.floor(share * PLAIN_STEPS)
      output.write(`${text}\n`)
    }
  }
  const set = (bytes: number): void => {
    done = bytes
    const now = performance.now()
    if (output.isTTY && now - drawnAt < REDRAW_MS) return
    drawnAt = now
    draw()
  }
  return {
    set,
    add: (bytes) => set(done + bytes),
    end: () => {
      draw()
      if (output.isTTY) output.write('\n')
    },
  }
}

export const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

/** The first column to the left, numbers to the right. */
export const printTable = (rows: readonly (readonly string[])[]): void => {
  const columns = rows[0]?.length ?? 0
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    )
    say(`  ${cells.join('   ')}`)
  }
}
