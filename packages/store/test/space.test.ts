import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { silentLog } from '@hubmesh/content'
import { createSpace } from '../src/space.ts'

describe('space', () => {
  it('is asked for again after a look that failed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hubmesh-space-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const home = join(folder, 'home')
    const space = createSpace({ log: silentLog }, { home })
    await expect(space.claim(1)).rejects.toMatchObject({ code: 'io' })
    await mkdir(home)
    await space.claim(1)
  })
})
