/** The public page of the clients: words by people, and one table between two marks, made by the run. */
import type { MatrixCell } from './cell.ts'
import { OFFICE_STATES } from './office-states.ts'

export interface MatrixResult extends MatrixCell {
  readonly passed: boolean
}

const BEGIN = '<!-- matrix: written by `npx -y pnpm@12 test:clients` -->'
const END = '<!-- end of the matrix -->'
const HEAD = ['| client | version | what it does | cold | warm | alone |', '|---|---|---|---|---|---|']

interface Row {
  readonly client: string
  readonly version: string
  readonly isPinned: boolean
  /** What it does and how that went, as it stands in the table. */
  readonly said: string
}

/**
 * The page with the results of a run. Rows of clients that did not run stay, unless `isWhole`: then they are gone. So does the
 * version of a program that the machine has, as long as nothing else differs.
 * @throws Error when the page has no place for the table
 */
export const updatePage = (
  page: string,
  results: readonly MatrixResult[],
  { isWhole }: { isWhole: boolean },
): string => {
  const [start, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (start === -1 || end < start) throw new Error(`the page lacks the marks of the table: ${BEGIN} … ${END}`)
  const old = readRows(page.slice(start, end))
  const now = Map.groupBy(rowsOf(results), ({ client }) => client)
  const kept = isWhole ? [] : old.filter(({ client }) => !now.has(client))
  const rows = [...now.entries()].flatMap(([client, rows]) => {
    const before = old.filter((row) => row.client === client)
    return rows.every((row, index) => !row.isPinned && row.said === before[index]?.said) ? before : rows
  })
  const sorted = [...rows, ...kept].toSorted((a, b) => compare(a.client, b.client))
  const table = [BEGIN, ...HEAD, ...sorted.map(({ client, version, said }) => `| ${client} | ${version} | ${said} |`)]
  return `${page.slice(0, start)}${table.join('\n')}\n${page.slice(end)}`
}

const rowsOf = (results: readonly MatrixResult[]): Row[] => {
  const byRow = Map.groupBy(results, ({ client, version, exercise }) => [client, version, exercise].join('\n'))
  return [...byRow.values()].flatMap((cells) => {
    const [first] = cells
    if (first === undefined) return []
    const how = OFFICE_STATES.map((state) => outcome(cells.find((cell) => cell.state === state)))
    return [{ ...first, said: [first.exercise, ...how].join(' | ') }]
  })
}

const outcome = (cell: MatrixResult | undefined): string => {
  if (cell === undefined) return 'not run'
  return cell.passed ? 'yes' : '**no**'
}

const readRows = (table: string): Row[] =>
  table
    .split('\n')
    .slice(1 + HEAD.length)
    .filter((line) => line !== '')
    .map((line) => {
      const [client = '', version = '', ...said] = line.replace(/^\| | \|$/g, '').split(' | ')
      return { client, version, isPinned: false, said: said.join(' | ') }
    })

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b))
