/** The page of the clients: how its table is written, and that the versions on it are those that are pinned. */
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { PINNED_SETS } from './clients.ts'
import { OFFICE_STATES } from './matrix/office-states.ts'
import { type MatrixResult, updatePage } from './matrix/page.ts'

const committed = await readFile(new URL('CLIENTS.md', import.meta.url), 'utf8')
const page = updatePage(committed, [], { isWhole: true })

const results = (client: string, given: Partial<MatrixResult> = {}): MatrixResult[] =>
  OFFICE_STATES.map((state) => {
    return { client, version: '1.0', isPinned: true, exercise: 'gets it', state, passed: true, ...given }
  })

const rows = (text: string): string[] =>
  text.split('\n').filter((line) => line.endsWith(' |') && !line.startsWith('| client'))

describe('the matrix', () => {
  test('has a row for what each client does, in order of the clients, and says what fails', () => {
    const [cold, ...others] = results('b')
    const failed = { ...cold, passed: false } as MatrixResult
    const written = updatePage(page, [failed, ...others, ...results('a')], { isWhole: true })
    expect(rows(written)).toEqual([
      '| a | 1.0 | gets it | yes | yes | yes |',
      '| b | 1.0 | gets it | **no** | yes | yes |',
    ])
    expect(updatePage(written, [], { isWhole: true })).toBe(page)
  })

  test('keeps the rows of clients that did not run, except where all did', () => {
    const written = updatePage(page, [...results('a'), ...results('b')], { isWhole: true })
    const again = updatePage(written, results('b', { version: '2.0' }), { isWhole: false })
    expect(rows(again)).toEqual(['| a | 1.0 | gets it | yes | yes | yes |', '| b | 2.0 | gets it | yes | yes | yes |'])
    expect(rows(updatePage(again, results('b'), { isWhole: true }))).toHaveLength(1)
  })

  test("lets a machine's program have another version, and nothing else", () => {
    const written = updatePage(page, results('a', { isPinned: false }), { isWhole: true })
    const newer = { isPinned: false, version: '1.1' }
    expect(updatePage(written, results('a', newer), { isWhole: true })).toBe(written)
    expect(rows(updatePage(written, results('a', { ...newer, passed: false }), { isWhole: true }))).toEqual([
      '| a | 1.1 | gets it | **no** | **no** | **no** |',
    ])
  })

  test('is committed with the versions that are pinned, and nothing failed', () => {
    for (const set of PINNED_SETS) {
      const [name = '', version = ''] = set.split(' ')
      expect(rows(committed).filter((row) => row.startsWith(`| ${name} | ${version} |`))).not.toEqual([])
    }
    expect(rows(committed).filter((row) => !row.endsWith('| yes | yes | yes |'))).toEqual([])
  })
})
