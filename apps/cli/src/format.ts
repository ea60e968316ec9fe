import type { Caps } from '@hubmesh/content'

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const

/** `12.3 MB`: decimal, as disks and links are sold. */
export const formatBytes = (bytes: number): string => {
  const power = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** power
  return `${power === 0 ? value : value.toFixed(value < 100 ? 1 : 0)} ${UNITS[power]}`
}

/** `upload total 20.0 MB/s, prefetch 1.0 MB/s; relayed 5.0 MB/s`; empty while nothing is capped. */
export const formatCaps = ({ upload, download, upstream, relayed }: Caps): string => {
  const rates = (caps: object): string =>
    Object.entries(caps)
      .flatMap(([name, rate]) => (typeof rate === 'number' ? [`${name} ${formatBytes(Math.round(rate))}/s`] : []))
      .join(', ')
  const kinds = [
    ['upload ', rates(upload)],
    ['download ', rates(download)],
    ['', rates({ upstream })],
    ['', rates({ relayed })],
  ] as const
  return kinds.flatMap(([kind, text]) => (text === '' ? [] : [`${kind}${text}`])).join('; ')
}

/** `3h 12m`, from seconds: the two largest units. */
export const formatDuration = (seconds: number): string => {
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor((seconds % 86_400) / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [Math.floor(seconds % 60), 's'],
  ] as const
  const shown = parts.filter(([amount]) => amount > 0).slice(0, 2)
  return shown.length === 0 ? '0s' : shown.map(([amount, unit]) => `${amount}${unit}`).join(' ')
}

/** Columns under headings, as wide as their widest cell. What other nodes named is stripped of control characters. */
export const formatTable = (headings: readonly string[], rows: readonly (readonly string[])[]): string => {
  const lines = [headings, ...rows].map((row) => row.map(printable))
  const widths = headings.map((_, column) => Math.max(...lines.map((row) => row[column]?.length ?? 0)))
  const text = lines.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return `${text.join('\n')}\n`
}

/** Text of others, safe for a terminal. */
export const printable = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?')

export const printJson = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`)
}
