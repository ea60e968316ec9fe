import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeshError } from '@hubmesh/content/errors'
import { CommanderError } from 'commander'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Interrupted, reportFailure } from '../src/failure.ts'
import { formatBytes, formatCaps, formatDuration, formatTable } from '../src/format.ts'
import { createProgress } from '../src/progress.ts'
import { readTicket } from '../src/ticket-input.ts'

describe('numbers for people', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 KB'],
    [12_345_678, '12.3 MB'],
    [500e9, '500 GB'],
    [2e15, '2000 TB'],
  ])('%i bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  it.each([
    [0, '0s'],
    [59, '59s'],
    [61, '1m 1s'],
    [3600 * 27 + 61, '1d 3h'],
  ])('%i seconds are %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text))

  it.each([
    [{ upload: {}, download: { total: undefined } }, ''],
    [{ upload: { total: 25e6, prefetch: undefined }, download: {} }, 'upload total 25.0 MB/s'],
    [
      { upload: {}, download: { prefetch: 32_768, otherSites: 2e6 }, upstream: 1e6, relayed: 5e6 },
      'download prefetch 32.8 KB/s, otherSites 2.0 MB/s; upstream 1.0 MB/s; relayed 5.0 MB/s',
    ],
  ])('of caps %j are %j', (caps, text) => expect(formatCaps(caps)).toBe(text))

  it('stand in columns, and what others named cannot steer the terminal', () => {
    expect(formatTable(['A', 'B'], [['long one', 'x\u001b[2Jy']])).toBe('A         B\nlong one  x?[2Jy\n')
  })
})

describe('a failure', () => {
  let written: string
  beforeEach(() => {
    written = ''
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written += String(text)
      return true
    })
  })
  afterEach(() => vi.restoreAllMocks())

  it.each([
    [new MeshError('usage', 'not so'), 2, 'hubmesh: not so\n'],
    [new MeshError('config', 'a\nb', { hint: 'c\nd' }), 2, 'hubmesh: a b\nhint: c d\n'],
    [new MeshError('unreachable', 'gone', { hint: 'look' }), 1, 'hubmesh: gone\nhint: look\n'],
    [new Interrupted('SIGINT'), 130, ''],
    [new Interrupted('SIGTERM'), 143, ''],
    [new CommanderError(0, 'commander.helpDisplayed', '(outputHelp)'), 0, ''],
    [
      new CommanderError(1, 'commander.unknownOption', "error: unknown option '--sede'\n(Did you mean --seed?)"),
      2,
      "hubmesh: unknown option '--sede'\nhint: did you mean --seed?\n",
    ],
  ])('%s', (error, code, text) => {
    expect(reportFailure(error)).toBe(code)
    expect(written).toBe(text)
  })

  it('of our own making is named as such', () => {
    expect(reportFailure(new TypeError('x is undefined'))).toBe(1)
    expect(written).toMatch(/^hubmesh: TypeError: x is undefined\nhint: .*report it/)
  })
})

describe('a ticket as it is given', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hubmesh-cli-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('may be in a file: alone, after other lines, or wrapped', async () => {
    const read = async (content: string): Promise<string> => {
      await writeFile(join(folder, 't'), content)
      return readTicket(`@${join(folder, 't')}`)
    }
    expect(await read('hubmesh1abc\n')).toBe('hubmesh1abc')
    expect(await read('This is a secret\nhubmesh1abc\n')).toBe('hubmesh1abc')
    expect((await read('hubmesh1abc\ndef\n')).replaceAll(/\s/g, '')).toBe('hubmesh1abcdef')
    expect(await readTicket('hubmesh1abc')).toBe('hubmesh1abc')
  })
})

describe('progress', () => {
  const at = (bytesDone: number) => ({ stage: 'fetching', files: 2, filesDone: 1, bytes: 1000, bytesDone })
  const outputOf = (isTTY: boolean): { text: string; stream: NodeJS.WriteStream } => {
    const output = { text: '' }
    const write = (part: string): boolean => {
      output.text += part
      return true
    }
    return Object.assign(output, {
      stream: { isTTY, columns: 120, write } as Partial<NodeJS.WriteStream> as NodeJS.WriteStream,
    })
  }

  it('is a bar on a terminal', () => {
    const output = outputOf(true)
    const bar = createProgress(output.stream)
    bar.show(at(500))
    bar.end()
    expect(output.text).toContain('[############............] fetching 1/2 files, 500 B of 1.0 KB')
    expect(output.text.endsWith('\n')).toBe(true)
  })

  it('is a line now and then elsewhere, and always the last one', () => {
    const output = outputOf(false)
    const bar = createProgress(output.stream)
    for (const done of [0, 1, 2, 1000]) bar.show(at(done))
    bar.end()
    expect(output.text.trimEnd().split('\n')).toHaveLength(2)
    expect(output.text).not.toContain('\u001b')
    expect(output.text).toContain('1.0 KB of 1.0 KB')
  })
})
